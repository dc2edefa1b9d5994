package dev.slipstream.app.engine

import dev.slipstream.decode.DecodeStats
import dev.slipstream.decode.SourceStats

/** What drafting came to in a reply: by source, rounds by their number of drafts, seconds spent on trials. */
internal data class DraftingFigures(
    val drafter: SourceFigures? = null,
    val ngram: SourceFigures? = null,
    val roundsByLength: Map<Int, Int> = emptyMap(),
    val probeSeconds: Double = 0.0,
)

/** One source's drafts: how many of them were accepted, in all and by position (shares of the rounds that had one). */
internal data class SourceFigures(
    val drafted: Int,
    val acceptanceRate: Double,
    val ratesByPosition: List<Double>,
)

internal fun draftingFigures(
    stats: DecodeStats,
    probeSeconds: Double,
) = DraftingFigures(figures(stats.drafter), figures(stats.ngram), stats.roundsByLength, probeSeconds)

private fun figures(stats: SourceStats): SourceFigures? {
    if (stats.rounds == 0) return null
    val rates = stats.acceptedByPosition.zip(stats.draftedByPosition) { accepted, drafted -> accepted * 1.0 / drafted }
    return SourceFigures(stats.drafted, stats.acceptanceRate, rates)
}
