package dev.slipstream.app.chat

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.chat.MODEL
import dev.slipstream.chat.USER
import dev.slipstream.chat.Message as SaidMessage

/**
 * One side's words in a conversation. [runs] tell where each stretch of a reply's [text] came from; a user's has none.
 *
 * Of a reply also: its [thought], the [tokens] that were decoded, those of the answer alone from [answerBegin] on (null
 * where no token parts it from the thought), and [isThinking], whether thinking was on.
 */
internal data class Message(
    val isUser: Boolean,
    val text: String,
    val runs: List<Run> = emptyList(),
    val thought: String = "",
    val tokens: List<Int> = emptyList(),
    val answerBegin: Int? = null,
    val isThinking: Boolean = false,
) {
    /** As the engine knows it. */
    fun said(): SaidMessage {
        if (isUser) return SaidMessage(USER, text)
        return SaidMessage(MODEL, text, thought, tokens.toIntList(), answerBegin?.let { tokens.drop(it).toIntList() })
    }

    companion object {
        /** A reply as the engine ended it, with the [runs] that its text grew in. */
        fun of(
            said: SaidMessage,
            runs: List<Run>,
            isThinking: Boolean,
        ): Message {
            val tokens = said.tokens?.toList().orEmpty()
            val answerBegin = said.answerTokens?.let { tokens.size - it.size }
            return Message(isUser = false, said.content, runs, said.thought, tokens, answerBegin, isThinking)
        }
    }
}

private fun List<Int>.toIntList(): IntList = MutableIntList(size).also { list -> forEach { list.add(it) } }

private fun IntList.toList(): List<Int> = List(size) { this[it] }
