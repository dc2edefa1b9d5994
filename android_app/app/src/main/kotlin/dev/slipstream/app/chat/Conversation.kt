package dev.slipstream.app.chat

/** What survives the process: the [messages], and whether the last one ended in the middle. */
internal data class Conversation(
    val bundleSha256: String,
    val isChat: Boolean,
    val messages: List<Message>,
    val canGoOn: Boolean,
)
