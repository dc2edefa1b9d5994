package dev.slipstream.app.chat

import dev.slipstream.app.Problem
import dev.slipstream.app.engine.Drafting
import dev.slipstream.app.engine.Meter

/** What the chat's screen shows. [messages] end with the growing reply while [isReplying]. */
internal data class ChatState(
    val messages: List<Message> = emptyList(),
    val isChat: Boolean = true,
    val drafting: Drafting = Drafting.AUTO,
    val isReplying: Boolean = false,
    val meter: Meter? = null,
    val problem: Problem? = null,
    /** The last reply ended in the middle: an empty message goes on with it. */
    val canGoOn: Boolean = false,
    /** The context is full: only a new conversation goes on. */
    val isFull: Boolean = false,
)
