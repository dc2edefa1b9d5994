package dev.slipstream.litert

internal const val NEW_TOKENS = 128
internal const val REPEATS = 9

/** How much [measure] decodes: [repeats] passes over [prompts] prompts, after [warmUps] that are not counted. */
public data class BenchEffort(
    val repeats: Int = REPEATS,
    val warmUps: Int = 2,
    val newTokens: Int = NEW_TOKENS,
    val prompts: Int = Int.MAX_VALUE,
)
