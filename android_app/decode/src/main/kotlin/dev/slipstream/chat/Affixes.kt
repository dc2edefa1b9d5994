package dev.slipstream.chat

/** What stands around a turn's content. */
public data class Affixes(
    val prefix: String,
    val suffix: String,
)
