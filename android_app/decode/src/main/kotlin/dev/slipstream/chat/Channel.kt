package dev.slipstream.chat

/** Where a reply's text belongs: thought and answer are shown apart. */
public enum class Channel {
    THOUGHT,
    ANSWER,
}
