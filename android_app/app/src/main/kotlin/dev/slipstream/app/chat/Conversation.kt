package dev.slipstream.app.chat

import dev.slipstream.ChatSnapshot
import dev.slipstream.ChatTurn
import dev.slipstream.app.history.ChatSettings

/**
 * A conversation as it is stored. [messages] are all that was said, also what was not over when the process died; the
 * first [forgotten] have left the context, of which [usedTokens] were used. [chat] is what the library had after the last
 * reply that ended, null before the first.
 */
internal data class Conversation(
    val id: Long,
    val messages: List<Message> = emptyList(),
    val settings: ChatSettings = ChatSettings(),
    val isPlain: Boolean = false,
    val chat: ChatSnapshot? = null,
    val forgotten: Int = 0,
    val usedTokens: Int = 0,
    val draft: String = "",
) {
    /** What goes on from here: [fresh] where there is no [chat] yet, with all that was said since. */
    fun resumed(fresh: ChatSnapshot): ChatSnapshot = (chat ?: fresh).withTurns(messages.drop(forgotten).map(::turn))
}

internal fun message(
    turn: ChatTurn,
    runs: List<Run>,
) = Message(turn.role == ChatTurn.Role.USER, turn.text, runs, turn.thought)

internal fun turn(message: Message) =
    ChatTurn(if (message.isUser) ChatTurn.Role.USER else ChatTurn.Role.MODEL, message.text, message.thought)
