package dev.slipstream.sampling

/** From a row of logits to a distribution: DECODE.md's steps, in its order and with its roundings. */
internal class Filter {
    private val candidates = Candidates()
    private var weights = DoubleArray(FIRST_SIZE)

    /** The distribution of [row] in [result]. RuntimeLibraryException where a logit is infinite or not a number. */
    fun apply(
        row: LogitRow,
        sampling: Sampling,
        result: Distribution,
    ): Unit = apply(row, sampling.temperature, sampling.topK, sampling.topP, sampling.minP, result)

    /** The probability of the largest logit among the [most] largest, at temperature 1; its token is [best]. */
    fun share(
        row: LogitRow,
        most: Int,
        scratch: Distribution,
    ): Double {
        apply(row, temperature = 1.0, most, topP = 1.0, minP = 0.0, scratch)
        return scratch.weights[0]
    }

    private fun apply(
        row: LogitRow,
        temperature: Double,
        topK: Int,
        topP: Double,
        minP: Double,
        result: Distribution,
    ) {
        order(row, temperature, topK)
        val kept = nucleus(weigh(temperature), topP)
        var total = 0.0
        for (i in 0 until kept) if (weights[i] >= minP) total += weights[i]
        result.clear()
        for (i in 0 until kept) if (weights[i] >= minP) result.add(candidates.token(i), weights[i] / total)
    }

    /** The candidates: no more than can have a weight, where it is worth it. */
    private fun order(
        row: LogitRow,
        temperature: Double,
        topK: Int,
    ) {
        if (temperature == 0.0) {
            candidates.takeBest(row, 1)
        } else if (topK in 1..MOST_SELECTED) {
            candidates.takeBest(row, minOf(topK, row.size))
        } else {
            candidates.takeBest(row, 1)
            val largest = candidates.logit(0).toDouble()
            // Below by more than a rounding: weigh() says exactly which of them go.
            val least = (largest + LEAST * temperature * 1.001).toFloat()
            candidates.takeAll(row, least, if (topK == 0) row.size else topK)
        }
    }

    /** The weights of the candidates, as far as they have one; returns how many do. */
    private fun weigh(temperature: Double): Int {
        val count = candidates.count
        if (weights.size < count) weights = DoubleArray(maxOf(count, 2 * weights.size))
        weights[0] = 1.0
        val largest = candidates.logit(0).toDouble()
        for (i in 1 until count) {
            val x = (candidates.logit(i) - largest) / temperature
            if (x < LEAST) return i
            weights[i] = exponential(x)
        }
        return count
    }

    /** How many of the first [count] weights it takes to reach the share [topP] of them all. */
    private fun nucleus(
        count: Int,
        topP: Double,
    ): Int {
        if (topP == 1.0) return count
        var total = 0.0
        for (i in 0 until count) total += weights[i]
        val goal = topP * total
        var sum = 0.0
        for (i in 0 until count) {
            sum += weights[i]
            if (sum >= goal) return i + 1
        }
        return count
    }

    private companion object {
        const val FIRST_SIZE = 64

        /** A smaller x is no candidate. */
        const val LEAST = -40.0

        /** Beyond, sorting all by their digits is faster. */
        const val MOST_SELECTED = 4096
    }
}
