package dev.slipstream.engine

import dev.slipstream.chat.Message
import dev.slipstream.decode.StopReason

/** The whole reply, and why it ended. Its tokens are empty where it was cancelled before it began. */
public data class EngineReply(
    val message: Message,
    val reason: StopReason,
)
