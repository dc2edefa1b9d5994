package dev.slipstream.app.ui

/** What is shown once a bundle is loaded. */
internal enum class Screen {
    CHAT,
    CONVERSATIONS,
    CHECK,
    MODEL,
}
