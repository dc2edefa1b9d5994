package dev.slipstream

/**
 * How a reply goes, over its rounds so far.
 *
 * Of the [promptTokens] that the reply follows the cache had [cachedTokens] before; reading the others took
 * [prefillSeconds] of wall clock. [tokens] were emitted, those of thoughts and the stop token too; [tokensPerSecond] is of
 * decoding alone, whose first token is the prefill's: 0 until there are two.
 *
 * [acceptanceRate] is accepted / drafted, null where nothing was drafted; [meanAcceptedLength] is (accepted + rounds) /
 * rounds: tokens a pass. [draftTokens] is the number of drafts in the last round, [roundsByLength] counts rounds by
 * theirs. [drafter] and [ngram] are what each source came to, null where it drafted nothing; [probeSeconds] went into
 * trials of other draft lengths.
 */
public data class ReplyFigures(
    val promptTokens: Int = 0,
    val cachedTokens: Int = 0,
    val prefillSeconds: Double = 0.0,
    val tokens: Int = 0,
    val tokensPerSecond: Double = 0.0,
    val acceptanceRate: Double? = null,
    val meanAcceptedLength: Double = 0.0,
    val draftTokens: Int = 0,
    val roundsByLength: Map<Int, Int> = emptyMap(),
    val drafter: SourceFigures? = null,
    val ngram: SourceFigures? = null,
    val probeSeconds: Double = 0.0,
)
