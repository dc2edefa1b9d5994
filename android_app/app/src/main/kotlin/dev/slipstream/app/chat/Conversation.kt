package dev.slipstream.app.chat

import dev.slipstream.ChatSnapshot
import dev.slipstream.ChatTurn

/** What survives the process: the chat, and by turn where each stretch of its text came from (a user's has none). */
internal class Conversation(
    val chat: ChatSnapshot,
    val runs: List<List<Run>>,
) {
    val messages: List<Message> get() = chat.turns.zip(runs, ::message)
}

internal fun message(
    turn: ChatTurn,
    runs: List<Run>,
) = Message(turn.role == ChatTurn.Role.USER, turn.text, runs, turn.thought)
