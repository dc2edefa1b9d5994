package dev.slipstream.draft

/**
 * How often the drafts of one source are accepted, by position, each given that the position was reached.
 *
 * [rates] are what is expected, [hopes] what is still possible: with little or faded evidence they are near [HOPE]. The
 * sums fade with the tokens that were emitted since, whatever emitted them. [prior] is the rate before there is evidence.
 */
internal class Acceptance(
    private val positions: Int,
    private val prior: Double,
) {
    var hits = DoubleArray(positions)
        private set
    var tries = DoubleArray(positions)
        private set
    val rates = DoubleArray(positions) { prior }
    val hopes = DoubleArray(positions) { HOPE }

    /** Whether there is enough evidence to go by. */
    var isJudged = false

    /** Tokens that had been emitted when the sums faded last. */
    var tokens = 0L
        private set

    // Since the deficit, what the source has lost lately in rounds of plain decoding, began to grow.
    private var sinceHits = DoubleArray(positions)
    private var sinceTries = DoubleArray(positions)
    private var deficit = 0.0
    private var longHits = 0.0
    private var longTries = 0.0
    private var rounds = 0L

    /** Brings the sums to the time when [now] tokens have been emitted in all; [estimate] is to follow. */
    fun fade(now: Long) {
        if (now == tokens) return
        val factor = MEMORY_TOKENS / (MEMORY_TOKENS + (now - tokens).toDouble())
        val long = LONG_MEMORY_TOKENS / (LONG_MEMORY_TOKENS + (now - tokens).toDouble())
        tokens = now
        longHits *= long
        longTries *= long
        for (i in 0 until positions) {
            hits[i] *= factor
            tries[i] *= factor
        }
    }

    /** A round with [count] (>= 1) drafts of which the first [right] were accepted; [estimate] is to follow. */
    fun add(
        count: Int,
        right: Int,
    ) {
        see(count, right)
        for (i in 0 until right) sinceHits[i] += 1.0
        for (i in 0 until minOf(right + 1, count)) sinceTries[i] += 1.0
    }

    /** As [add], of drafts that were not verified: the text has shown what they would have been. */
    fun see(
        count: Int,
        right: Int,
    ) {
        rounds += 1
        if (rounds >= JUDGED_ROUNDS) isJudged = true
        longHits += right.toDouble()
        longTries += minOf(right + 1, count).toDouble()
        for (i in 0 until right) hits[i] += 1.0
        for (i in 0 until minOf(right + 1, count)) tries[i] += 1.0
    }

    /** Rates and hopes from the sums; a position leans on the one before it, so that all have rates. */
    fun estimate() {
        var rate = (longHits + FIRST_WEIGHT * prior) / (longTries + FIRST_WEIGHT)
        var hope = HOPE
        val weight = FIRST_WEIGHT + PRIOR_WEIGHT * longTries / (longTries + LONG_TRIES)
        for (i in 0 until positions) {
            rate = (hits[i] + weight * rate) / (tries[i] + weight)
            hope = (hits[i] + HOPE_WEIGHT * hope) / (tries[i] + HOPE_WEIGHT)
            rates[i] = rate
            hopes[i] = hope
        }
    }

    /**
     * Adds a round's [loss] to the deficit. Where that passes [limit] and the rates hardly explain it, or passes [most],
     * all from before it began to grow is forgotten: the text has changed. Returns whether that happened.
     */
    fun balance(
        loss: Double,
        limit: Double,
        most: Double,
    ): Boolean {
        deficit += loss
        val isOther = deficit > limit && isUnlikely()
        val isOver = isOther || deficit > most
        if (isOther) forgetLong()
        if (isOver) goOnFromSince()
        if (isOver || deficit <= 0.0) {
            deficit = 0.0
            sinceHits.fill(0.0)
            sinceTries.fill(0.0)
        }
        return isOver
    }

    /** Begins with what another policy knew: [known] hits and tries of position [i]. */
    fun take(
        i: Int,
        knownHits: Double,
        knownTries: Double,
    ) {
        hits[i] = knownHits
        tries[i] = knownTries
    }

    private fun forgetLong() {
        longHits = 0.0
        longTries = 0.0
        for (i in 0 until positions) {
            longHits += sinceHits[i]
            longTries += sinceTries[i]
        }
    }

    private fun goOnFromSince() {
        hits = sinceHits.also { sinceHits = hits }
        tries = sinceTries.also { sinceTries = tries }
        val factor = minOf(1.0, KEPT_TRIES / tries[0])
        for (i in 0 until positions) {
            hits[i] *= factor
            tries[i] *= factor
        }
    }

    private fun isUnlikely(): Boolean {
        var missing = 0.0
        var variance = 0.0
        for (i in 0 until positions) {
            missing += sinceTries[i] * rates[i] - sinceHits[i]
            variance += sinceTries[i] * rates[i] * (1.0 - rates[i])
        }
        return missing > 0.0 && missing * missing > UNLIKELY * (variance + RARE)
    }

    internal companion object {
        /** Tokens of text after which evidence counts half: what a text is like changes with the text, not with time. */
        const val MEMORY_TOKENS = 300.0
        const val PRIOR_WEIGHT = 15.0

        /** What a trial may hope for: the rate of evidence that has faded away, and how much of it that outweighs. */
        const val HOPE = 0.95
        private const val HOPE_WEIGHT = 3.0
        private const val LONG_MEMORY_TOKENS = 2000.0
        private const val LONG_TRIES = 60.0
        private const val FIRST_WEIGHT = 2.0
        private const val KEPT_TRIES = 1.0
        private const val UNLIKELY = 24.0
        private const val RARE = 0.3
        private const val JUDGED_ROUNDS = 2L
    }
}
