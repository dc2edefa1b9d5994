package dev.slipstream.app.engine

import dev.slipstream.chat.MODEL
import dev.slipstream.chat.Message

/** All that was said so far: the reply to it is asked for, or with a reply at its end, how that goes on. */
internal data class ReplyRequest(
    val messages: List<Message>,
    val isChat: Boolean,
    val thinking: Boolean,
    val drafting: Drafting,
) {
    /** The reply that goes on. */
    val begun: Message? get() = messages.lastOrNull()?.takeIf { it.role == MODEL }
}
