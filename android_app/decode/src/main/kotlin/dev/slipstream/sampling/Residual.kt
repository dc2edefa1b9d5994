package dev.slipstream.sampling

/** What a target's distribution p, its weights times a scale, has more of than the q that a draft was drawn from. */
internal class Residual {
    private val rest = Distribution()

    /** q's weights by token, one more than their index; 0 where q has none. Only what was written is cleared. */
    private var places = IntArray(0)

    /** scale * p - q where that is more than 0, in p's order; it may have no token. Overwritten by the next call. */
    fun of(
        p: Distribution,
        q: Distribution,
        scale: Double,
    ): Distribution {
        for (i in 0 until q.count) {
            reserve(q.tokens[i])
            places[q.tokens[i]] = i + 1
        }
        rest.clear()
        for (i in 0 until p.count) {
            val token = p.tokens[i]
            val place = if (token < places.size) places[token] else 0
            val scaled = scale * p.weights[i]
            val weight = if (place == 0) scaled else scaled - q.weights[place - 1]
            if (weight > 0) rest.add(token, weight)
        }
        for (i in 0 until q.count) places[q.tokens[i]] = 0
        return rest
    }

    private fun reserve(token: Int) {
        if (token >= places.size) places = places.copyOf(maxOf(token + 1, 2 * places.size))
    }
}
