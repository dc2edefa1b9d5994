package dev.slipstream.app.chat

/**
 * What survives the process: the [tokens] that the engine goes on from, the [messages] on the screen, and whether the
 * last one ended in the middle.
 */
internal data class Conversation(
    val bundleSha256: String,
    val isChat: Boolean,
    val tokens: List<Int>,
    val messages: List<Message>,
    val canGoOn: Boolean,
)
