package dev.slipstream.chat

/** What [role] says, as the user typed it or the model wrote it. */
public data class ChatTurn(
    val role: ChatRole,
    val content: String,
)
