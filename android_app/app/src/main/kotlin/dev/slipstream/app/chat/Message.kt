package dev.slipstream.app.chat

/**
 * One side's words, as they are shown. [runs] tell where each stretch of a reply's [text] came from; a user's has none.
 * The [thought] of a reply is apart from it.
 */
internal data class Message(
    val isUser: Boolean,
    val text: String,
    val runs: List<Run> = emptyList(),
    val thought: String = "",
)
