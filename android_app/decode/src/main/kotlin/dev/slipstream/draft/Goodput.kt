package dev.slipstream.draft

/**
 * What is expected of plain decoding and of drafts, in tokens a nanosecond, and what is the best of it: [costs] and the
 * acceptance of the model's drafts and of matches put together. Kinds are those of [Trials].
 */
internal class Goodput(
    private val costs: Costs,
    private val drafter: Acceptance,
    private val ngrams: List<Acceptance>,
) {
    /** The number of the model's drafts of the best that is known. */
    var used = 0
        private set

    /** The goodput of the best that is known; what else is done must give as much. */
    var goal = 0.0
        private set

    fun source(kind: Int): Acceptance = if (kind >= Trials.DRAFTER) drafter else ngrams[kind - Trials.NGRAM]

    /** Of [count] drafts. */
    fun expected(
        kind: Int,
        count: Int,
    ): Double {
        val tokens = if (count > 0) tokens(source(kind).rates, count) else 1.0
        return tokens / costs.roundNanos(count, kind >= Trials.DRAFTER)
    }

    /** What may be hoped of [count] drafts. */
    fun hoped(
        kind: Int,
        count: Int,
    ): Double {
        val tokens = if (count > 0) tokens(source(kind).hopes, count) else 1.0
        val nanos = costs.hopedNanos(costs.index(count))
        return tokens / (if (kind >= Trials.DRAFTER) nanos + costs.hopedDraftNanos(count) else nanos)
    }

    /**
     * The number of the model's drafts with the best goodput of those that were measured. What is used stays until
     * something is clearly better.
     */
    fun choose(most: Int) {
        var best = 0
        var goal = 1.0 / costs.passNanos(0)
        if (drafter.isJudged && costs.hasDrafts()) {
            var highest = if (used == 0) goal * STAY else goal
            var tokens = 1.0
            var reach = 1.0
            for (count in 1..most) {
                reach *= drafter.rates[count - 1]
                tokens += reach
                if (!costs.isMeasured(costs.index(count))) continue
                val rate = tokens / costs.roundNanos(count, true)
                val weighed = if (used == count) rate * STAY else rate
                if (weighed > highest) {
                    best = count
                    goal = rate
                    highest = weighed
                }
            }
        }
        used = best
        this.goal = goal
    }

    /** How many drafts of a match to take: those that win most over the goal, 0 if none do. */
    fun matched(
        kind: Int,
        most: Int,
    ): Int {
        val source = source(kind)
        if (!source.isJudged) return 0
        var best = 0
        var highest = 0.0
        var tokens = 1.0
        var reach = 1.0
        for (count in 1..most) {
            reach *= source.rates[count - 1]
            tokens += reach
            if (!costs.isMeasured(costs.index(count))) continue
            val passed = goal * costs.roundNanos(count, false)
            if (tokens - passed > highest && tokens > passed * STAY) {
                best = count
                highest = tokens - passed
            }
        }
        return best
    }

    /**
     * Whether one of [most] drafts more pays where [drafted] of the model's are all right with a chance of [reach]. If all
     * [areMade], only the pass is to pay for.
     */
    fun goesOn(
        reach: Double,
        drafted: Int,
        most: Int,
        areMade: Boolean,
    ): Boolean {
        val now = costs.roundNanos(drafted, !areMade)
        var reached = reach
        var tokens = 0.0
        for (count in drafted + 1..most) {
            reached *= drafter.rates[count - 1]
            tokens += reached
            if (tokens > goal * (costs.roundNanos(count, !areMade) - now)) return true
        }
        return false
    }

    /** What [rounds] rounds with [count] drafts will give less than the goal, in rounds of plain decoding. */
    fun expectedLoss(
        kind: Int,
        count: Int,
        rounds: Double,
        position: Int,
    ): Double {
        val nanos = costs.roundNanos(count, kind >= Trials.DRAFTER)
        val tokens = expected(kind, count) * nanos
        val lost = maxOf(rounds * (nanos - tokens / goal), 0.0)
        return (lost + costs.replanNanos(costs.index(count), position)) / costs.passNanos(0)
    }

    private fun tokens(
        rates: DoubleArray,
        count: Int,
    ): Double {
        var tokens = 1.0
        var reach = 1.0
        for (i in 0 until count) {
            reach *= rates[i]
            tokens += reach
        }
        return tokens
    }

    private companion object {
        /** How much better another choice must be than the one that is used: measurements are noisy. */
        const val STAY = 1.02
    }
}
