package dev.slipstream.sampling

/**
 * [count] tokens and their weights, in order; [total] is the weights' sum in that order. Filled again and again: its
 * arrays only grow.
 */
internal class Distribution {
    var tokens = IntArray(FIRST_SIZE)
        private set
    var weights = DoubleArray(FIRST_SIZE)
        private set
    var count = 0
        private set
    var total = 0.0
        private set

    fun clear() {
        count = 0
        total = 0.0
    }

    fun add(
        token: Int,
        weight: Double,
    ) {
        if (count == tokens.size) grow()
        tokens[count] = token
        weights[count] = weight
        count += 1
        total += weight
    }

    /** The weight of [token]; 0 where it was filtered out. */
    fun weightOf(token: Int): Double {
        for (i in 0 until count) if (tokens[i] == token) return weights[i]
        return 0.0
    }

    private fun grow() {
        tokens = tokens.copyOf(2 * count)
        weights = weights.copyOf(2 * count)
    }

    private companion object {
        const val FIRST_SIZE = 64
    }
}

/** The first token whose beginning of the weights exceeds the share [u] of them; the last where rounding leaves none. */
internal fun draw(
    distribution: Distribution,
    u: Double,
): Int {
    val goal = u * distribution.total
    var sum = 0.0
    for (i in 0 until distribution.count) {
        sum += distribution.weights[i]
        if (sum > goal) return distribution.tokens[i]
    }
    return distribution.tokens[distribution.count - 1]
}
