package dev.slipstream.app.engine

/** The next turn behind [history], all tokens so far. An empty [text] goes on with a reply that ended in the middle. */
internal data class ReplyRequest(
    val history: List<Int>,
    val text: String,
    val isChat: Boolean,
    val drafting: Drafting,
)
