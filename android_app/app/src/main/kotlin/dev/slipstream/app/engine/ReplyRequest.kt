package dev.slipstream.app.engine

/** The next turn behind [history], all tokens so far. An empty [text] outside a chat goes on where the last one stopped. */
internal data class ReplyRequest(
    val history: List<Int>,
    val text: String,
    val isChat: Boolean,
    val drafting: Drafting,
)
