package dev.slipstream.app.chat

import dev.slipstream.Drafting
import dev.slipstream.ReplyEvent
import dev.slipstream.ReplyFigures
import dev.slipstream.app.Problem

/** What the chat's screen shows. [messages] end with the growing reply while [isReplying]. */
internal data class ChatState(
    val messages: List<Message> = emptyList(),
    val isChat: Boolean = true,
    val drafting: Drafting = Drafting.AUTO,
    val isThinking: Boolean = false,
    val isReplying: Boolean = false,
    /** How much of a long prompt is read; null when the reply has begun. */
    val reading: ReplyEvent.Prefill? = null,
    val meter: ReplyFigures? = null,
    val problem: Problem? = null,
    /** The last reply ended in the middle: an empty message goes on with it. */
    val canGoOn: Boolean = false,
    /** The context is full: only a new conversation goes on. */
    val isFull: Boolean = false,
    /** A message that was taken back, to be typed anew. */
    val takenBack: String? = null,
)
