package dev.slipstream.decode

/**
 * Counts over completed verify passes; prefills and cancelled rounds are left out, except for [emitted].
 *
 * [drafter] and [ngram] are what the drafts of each source came to.
 */
public class DecodeStats {
    public var emitted: Int = 0
        private set
    public var rounds: Int = 0
        private set
    public var drafted: Int = 0
        private set
    public var accepted: Int = 0
        private set
    public val drafter: SourceStats = SourceStats()
    public val ngram: SourceStats = SourceStats()
    private val byLength = IntArray(MOST_DRAFTS + 1)

    public fun add(round: Round) {
        emitted += round.emittedTokens.size
        if (round.verifyWidth == 0 || round.stopReason == StopReason.CANCELLED) return
        val length = round.draftTokens.size
        rounds += 1
        drafted += length
        accepted += round.numAccepted
        byLength[minOf(length, MOST_DRAFTS)] += 1
        when (round.draftSource) {
            DraftSource.DRAFTER -> drafter.add(length, round.numAccepted)
            DraftSource.NGRAM -> ngram.add(length, round.numAccepted)
            null -> Unit
        }
    }

    /** Takes the figures of another reply in. */
    public fun add(other: DecodeStats) {
        emitted += other.emitted
        rounds += other.rounds
        drafted += other.drafted
        accepted += other.accepted
        drafter.add(other.drafter)
        ngram.add(other.ngram)
        for (length in byLength.indices) byLength[length] += other.byLength[length]
    }

    /** accepted / drafted; 0.0 when nothing was drafted. */
    public val acceptanceRate: Double
        get() = if (drafted == 0) 0.0 else accepted.toDouble() / drafted

    /** (accepted + rounds) / rounds: tokens a verify pass yields; 0.0 without rounds. */
    public val meanAcceptedLength: Double
        get() = if (rounds == 0) 0.0 else (accepted + rounds).toDouble() / rounds

    /** Rounds by their number of drafts, those that occurred. */
    public val roundsByLength: Map<Int, Int>
        get() = byLength.indices.filter { byLength[it] > 0 }.associateWith { byLength[it] }

    /** Rounds by length and figures by source, as `--json` prints them; sources that drafted anything. */
    public fun drafting(): Map<String, Any> {
        val sources = listOf(DraftSource.DRAFTER to drafter, DraftSource.NGRAM to ngram).filter { it.second.rounds > 0 }
        return mapOf(
            "rounds_by_length" to roundsByLength.mapKeys { "${it.key}" },
            "sources" to sources.associate { (source, stats) -> source.traceName to stats.fields() },
        )
    }
}
