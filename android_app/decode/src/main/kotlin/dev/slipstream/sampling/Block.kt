package dev.slipstream.sampling

import androidx.collection.IntList

/** Which of a round's drawn drafts a target keeps: block verification (DECODE.md, *What the target says*). */
internal class Block {
    private val residual = Residual()
    private var ratios = DoubleArray(FIRST_SIZE)

    /** What the token behind the kept drafts is drawn from; valid until the next [verify]. */
    lateinit var rest: Distribution
        private set

    /**
     * How many of the first [count] of [drafts] are kept, the first of which stands at [slot]. p\[i] is the target's
     * distribution in the place of draft i, p\[count] that behind the last; draft i was drawn from q\[i].
     */
    fun verify(
        p: List<Distribution>,
        drafts: IntList,
        q: List<Distribution>,
        count: Int,
        seed: Long,
        slot: Int,
    ): Int {
        if (ratios.size <= count) ratios = DoubleArray(2 * count)
        ratios[0] = 1.0
        for (i in 0 until count) {
            // From left to right: a draft that a residual has would otherwise not have a ratio of 1 to the last bit.
            ratios[i + 1] = minOf(1.0, ratios[i] * p[i].weightOf(drafts[i]) / q[i].weightOf(drafts[i]))
        }
        var kept = count
        while (kept > 0) {
            val number = uniform(seed, slot + kept - 1, acceptPurpose(kept - 1))
            if (number < acceptance(kept, count, p, q)) break
            kept -= 1
        }
        rest = p[kept]
        if (kept < count) {
            val more = residual.of(p[kept], q[kept], ratios[kept])
            if (more.count > 0) rest = more
        }
        return kept
    }

    /** The probability that is left to the first [size] drafts of the last [verify]. */
    fun ratio(size: Int): Double = ratios[size]

    /** With which probability the first [size] drafts, at least one, are kept if no more are; [verify] came before. */
    fun acceptance(
        size: Int,
        count: Int,
        p: List<Distribution>,
        q: List<Distribution>,
    ): Double {
        val ratio = ratios[size]
        if (ratio >= 1 || size == count) return ratio
        val more = residual.of(p[size], q[size], ratio).total
        return more / (more + (1 - ratio))
    }

    private companion object {
        const val FIRST_SIZE = 17
    }
}
