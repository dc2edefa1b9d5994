package dev.slipstream.app.chat

/** [tokens] tokens of one origin, whose text ends before [end]. */
internal data class Run(
    val end: Int,
    val tokens: Int,
    val accepted: Boolean,
)
