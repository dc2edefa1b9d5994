package dev.slipstream.sampling

/** What is left of a distribution p where a draft that was drawn from q was not accepted. */
internal class Residual {
    private val rest = Distribution()

    /** q's weights by token, one more than their index; 0 where q has none. Only what was written is cleared. */
    private var places = IntArray(0)

    /** p - q where that is more than 0, in p's order; p itself where it nowhere is. Overwritten by the next call. */
    fun of(
        p: Distribution,
        q: Distribution,
    ): Distribution {
        for (i in 0 until q.count) {
            reserve(q.tokens[i])
            places[q.tokens[i]] = i + 1
        }
        rest.clear()
        for (i in 0 until p.count) {
            val token = p.tokens[i]
            val place = if (token < places.size) places[token] else 0
            val weight = if (place == 0) p.weights[i] else p.weights[i] - q.weights[place - 1]
            if (weight > 0) rest.add(token, weight)
        }
        for (i in 0 until q.count) places[q.tokens[i]] = 0
        return if (rest.count == 0) p else rest
    }

    private fun reserve(token: Int) {
        if (token >= places.size) places = places.copyOf(maxOf(token + 1, 2 * places.size))
    }
}
