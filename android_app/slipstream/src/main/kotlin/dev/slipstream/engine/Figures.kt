package dev.slipstream.engine

import dev.slipstream.ReplyFigures
import dev.slipstream.SourceFigures
import dev.slipstream.decode.DecodeStats
import dev.slipstream.decode.Round
import dev.slipstream.decode.SourceStats

/** Counts one reply, whose prompt has [promptTokens]. [probed] tells the nanoseconds of all trials so far. */
internal class Figures(
    private val promptTokens: Int,
    private val probed: () -> Long,
) {
    private val stats = DecodeStats()
    private val probedBefore = probed()
    private var cachedTokens = 0
    private var prefillNanos = 0L
    private var decodeNanos = 0L

    /** The figures after [round], which took [nanos]. */
    fun add(
        round: Round,
        nanos: Long,
    ): ReplyFigures {
        stats.add(round)
        if (round.verifyWidth > 0) {
            decodeNanos += nanos
        } else {
            cachedTokens = round.position
            prefillNanos = nanos
        }
        return ReplyFigures(
            promptTokens = promptTokens,
            cachedTokens = cachedTokens,
            prefillSeconds = prefillNanos * 1e-9,
            tokens = stats.emitted,
            // The first token is the prefill's.
            tokensPerSecond = if (decodeNanos == 0L) 0.0 else (stats.emitted - 1) * 1e9 / decodeNanos,
            acceptanceRate = if (stats.drafted == 0) null else stats.acceptanceRate,
            meanAcceptedLength = stats.meanAcceptedLength,
            draftTokens = round.draftTokens.size,
            roundsByLength = stats.roundsByLength,
            drafter = figures(stats.drafter),
            ngram = figures(stats.ngram),
            probeSeconds = (probed() - probedBefore) * 1e-9,
        )
    }
}

private fun figures(stats: SourceStats): SourceFigures? {
    if (stats.rounds == 0) return null
    val rates = stats.acceptedByPosition.zip(stats.draftedByPosition) { accepted, drafted -> accepted * 1.0 / drafted }
    return SourceFigures(stats.drafted, stats.acceptanceRate, rates)
}
