package dev.slipstream

/** One source's drafts: how many of them were accepted, in all and by position (shares of the rounds that had one). */
public data class SourceFigures(
    val drafted: Int,
    val acceptanceRate: Double,
    val ratesByPosition: List<Double>,
)
