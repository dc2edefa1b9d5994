package dev.slipstream.app.chat

import dev.slipstream.ReplyEvent
import dev.slipstream.ReplyFigures
import dev.slipstream.app.Problem
import dev.slipstream.app.history.ChatSettings

/** What the chat's screen shows. [messages] end with the growing reply while [isReplying]. */
internal data class ChatState(
    val messages: List<Message> = emptyList(),
    val isChat: Boolean = true,
    val settings: ChatSettings = ChatSettings(),
    val isReplying: Boolean = false,
    /** How much of a long prompt is read; null when the reply has begun. */
    val reading: ReplyEvent.Prefill? = null,
    val meter: ReplyFigures? = null,
    val problem: Problem? = null,
    /** The last reply ended in the middle: an empty message goes on with it. */
    val canGoOn: Boolean = false,
    /** A message that nothing came of, or that was taken back: to be typed anew, before what is being typed. */
    val takenBack: String? = null,
    /** The conversation's id in the store; null until one is open, 0 where it could not be stored. */
    val conversation: Long? = null,
    /** What the input began with when the conversation was opened. */
    val draft: String = "",
    /** So many messages at the beginning have left the context, of which [usedTokens] tokens are used. */
    val forgotten: Int = 0,
    val usedTokens: Int = 0,
    /** What was said is not in the store: the disk was full, or failed. */
    val isUnsaved: Boolean = false,
) {
    val isThinking: Boolean get() = isChat && settings.isThinking
}
