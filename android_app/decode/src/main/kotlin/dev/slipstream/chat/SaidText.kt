package dev.slipstream.chat

/** A stretch of a reply's text. */
public data class SaidText(
    val channel: Channel,
    val text: String,
)
