package dev.slipstream.app.chat

/** One side's words in a conversation. [runs] tell where each stretch of a reply came from; a user's has none. */
internal data class Message(
    val isUser: Boolean,
    val text: String,
    val runs: List<Run> = emptyList(),
)
