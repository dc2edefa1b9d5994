package dev.slipstream.app.chat

import dev.slipstream.Chat
import dev.slipstream.ReplyEvent
import kotlinx.coroutines.flow.Flow

/**
 * A reply that is wanted: [ask] of [chat], behind the messages [asked] and what has [begun] of it. [said] was typed for it;
 * the first [forgotten] messages are not in the context.
 */
internal class Question(
    val chat: Chat,
    val ask: (Chat) -> Flow<ReplyEvent>,
    val asked: List<Message>,
    val begun: Message? = null,
    val said: String? = null,
    val forgotten: Int,
)
