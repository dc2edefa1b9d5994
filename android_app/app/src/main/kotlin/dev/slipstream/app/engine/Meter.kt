package dev.slipstream.app.engine

/**
 * How a reply is going, over its rounds so far. [draftTokens] is the draft length in use, 0 for plain decoding;
 * [drafting] has the figures behind it.
 */
internal data class Meter(
    val tokens: Int = 0,
    val tokensPerSecond: Double = 0.0,
    val acceptanceRate: Double? = null,
    val meanAcceptedLength: Double = 0.0,
    val draftTokens: Int = 0,
    val drafting: DraftingFigures = DraftingFigures(),
)
