package dev.slipstream.app.chat

/** What survives the process: the [tokens] that the engine goes on from, and the [messages] on the screen. */
internal data class Conversation(
    val bundleSha256: String,
    val isChat: Boolean,
    val tokens: List<Int>,
    val messages: List<Message>,
)
