package dev.slipstream.chat

/** An id, and whether it takes white space before and behind it along. */
public data class ControlToken(
    val id: Int,
    val leftStrip: Boolean = false,
    val rightStrip: Boolean = false,
)
