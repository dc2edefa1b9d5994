package dev.slipstream

import dev.slipstream.chat.MODEL
import dev.slipstream.chat.Message
import dev.slipstream.chat.SYSTEM

/**
 * All that a chat is between two replies. [messages] begin with the system's where there is one; [isThinking] tells how the
 * last reply was opened.
 */
internal data class ChatState(
    val isPlain: Boolean,
    val messages: List<Message> = emptyList(),
    val isThinking: Boolean = false,
    val canGoOn: Boolean = false,
    val isFull: Boolean = false,
) {
    val turns: List<ChatTurn> get() = messages.filter { it.role != SYSTEM }.map(::turn)

    /** For another bundle, to which these tokens mean nothing. */
    fun withoutTokens() =
        ChatState(isPlain, messages.map { it.copy(tokens = null, answerTokens = null) }, isThinking = isThinking)

    companion object {
        fun begun(system: String?) =
            ChatState(isPlain = false, messages = listOfNotNull(system?.let { Message(SYSTEM, it) }))
    }
}

internal fun turn(message: Message) =
    ChatTurn(
        if (message.role == MODEL) ChatTurn.Role.MODEL else ChatTurn.Role.USER,
        message.content,
        message.thought,
    )
