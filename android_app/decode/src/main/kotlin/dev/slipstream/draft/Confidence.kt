package dev.slipstream.draft

/** Acceptance by what the drafter itself gave its draft, in [BINS] equal bins. A bin begins as its middle. */
internal class Confidence {
    val hits = DoubleArray(BINS)
    val tries = DoubleArray(BINS)
    private var tokens = 0L

    fun rate(bin: Int): Double {
        val middle = (bin.toDouble() + 0.5) / BINS
        return (hits[bin] + Acceptance.PRIOR_WEIGHT * middle) / (tries[bin] + Acceptance.PRIOR_WEIGHT)
    }

    fun fade(now: Long) {
        val factor = Acceptance.MEMORY_TOKENS / (Acceptance.MEMORY_TOKENS + (now - tokens).toDouble())
        tokens = now
        for (i in 0 until BINS) {
            hits[i] *= factor
            tries[i] *= factor
        }
    }

    fun add(
        bin: Int,
        isAccepted: Boolean,
    ) {
        tries[bin] += 1.0
        if (isAccepted) hits[bin] += 1.0
    }

    internal companion object {
        const val BINS = 8

        /** The bin of a probability, 0 .. BINS − 1. */
        fun bin(confidence: Double): Int = maxOf(0, minOf(BINS - 1, (confidence * BINS).toInt()))
    }
}
