package dev.slipstream.app.engine

import dev.slipstream.decode.StopReason

/** The conversation's tokens after the turn, and why it ended. */
internal data class ReplyEnd(
    val tokens: List<Int>,
    val reason: StopReason,
)
