package dev.slipstream.draft

/**
 * Plain decoding against each draft length, by measured goodput: emitted tokens a second, on this device, now.
 *
 * Each choice is first tried for some rounds; from then on the best is used, plain where two are equal. Others are
 * tried again now and then, while such trials stay below [PROBE_SHARE] of the time: what they cost is all that this
 * can be slower than plain decoding. Keep one for as long as the models stay loaded.
 */
public class AutoDraft(
    lengths: List<Int>,
) : DraftPolicy {
    private val choices = (listOf(0) + lengths.filter { it > 0 }).distinct().map(::Choice)
    private var current = choices.first()
    private var roundsLeft = FIRST_ROUNDS
    private var totalNanos = 0L
    private var probeNanos = 0L

    override val count: Int get() = current.length

    /** The length that has shown the best goodput so far. */
    public val best: Int get() = bestChoice().length

    override fun observe(
        drafted: Int,
        emitted: Int,
        nanos: Long,
    ) {
        totalNanos += nanos
        // Fewer drafts than asked for: the budget's or the cache's end, which says nothing about the length.
        if (drafted != current.length || emitted == 0) return
        val isFirst = !current.seen
        // The first call of a width prepares it.
        if (isFirst) current.seen = true else current.add(emitted, nanos)
        if (current !== bestChoice() && choices.all { it.measured }) probeNanos += nanos
        roundsLeft -= 1
        if (roundsLeft <= 0) choose()
    }

    private fun choose() {
        val untried = choices.firstOrNull { !it.measured }
        val best = bestChoice()
        val due = if (untried == null) dueForProbe(best) else null
        current = untried ?: due ?: best
        roundsLeft =
            when {
                untried != null -> FIRST_ROUNDS
                due != null -> PROBE_ROUNDS
                else -> 1
            }
    }

    /** Next in turn among the others, if trying it keeps trials below their share. */
    private fun dueForProbe(best: Choice): Choice? {
        val next = choices.filter { it !== best }.minByOrNull { it.lastTried } ?: return null
        val cost = next.roundNanos * PROBE_ROUNDS
        if (probeNanos + cost > totalNanos * PROBE_SHARE) return null
        next.lastTried = totalNanos
        return next
    }

    private fun bestChoice(): Choice {
        var best = choices.first()
        for (choice in choices) if (choice.goodput > best.goodput) best = choice
        return best
    }

    private class Choice(
        val length: Int,
    ) {
        var seen = false
        var lastTried = 0L
        private var tokens = 0.0
        private var nanos = 0.0
        private var rounds = 0.0

        val measured: Boolean get() = rounds > 0
        val goodput: Double get() = if (nanos == 0.0) 0.0 else tokens / nanos
        val roundNanos: Double get() = if (rounds == 0.0) 0.0 else nanos / rounds

        fun add(
            emitted: Int,
            nanos: Long,
        ) {
            // Old rounds fade: text changes, and a phone grows hot.
            tokens = tokens * MEMORY + emitted
            this.nanos = this.nanos * MEMORY + nanos
            rounds = rounds * MEMORY + 1
        }
    }

    public companion object {
        /** Of all time, what trials of other lengths than the best may take after the first ones. */
        public const val PROBE_SHARE: Double = 0.02
        private const val FIRST_ROUNDS = 4
        private const val PROBE_ROUNDS = 2
        private const val MEMORY = 0.95
    }
}
