package dev.slipstream.chat

/** Who speaks in a turn of a conversation. */
public enum class ChatRole {
    SYSTEM,
    USER,
    MODEL,
}
