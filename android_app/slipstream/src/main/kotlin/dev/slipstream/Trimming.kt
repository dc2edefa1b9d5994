package dev.slipstream

import dev.slipstream.chat.Message
import dev.slipstream.chat.SYSTEM
import dev.slipstream.chat.USER
import dev.slipstream.errors.PromptTooLongException

/**
 * How a chat that has grown too long for a context of [contextLength] tokens is shortened. [count] tells the tokens that
 * messages are read as.
 */
internal class Trimming(
    private val contextLength: Int,
    private val count: (List<Message>) -> Int,
) {
    /**
     * What stays of [messages] for a reply of [most] tokens to have room, though not more than a quarter of the context.
     * The oldest turns leave, a message with its reply; the system's text and the last turn stay.
     */
    fun fit(
        messages: List<Message>,
        most: Int?,
    ): List<Message> {
        val quarter = contextLength / SHARE
        val room = minOf(most ?: quarter, quarter)
        if (tokens(messages) <= contextLength - room) return messages
        var left = messages
        // One quarter more than is needed: all that stays is read anew, which should not be so at every turn.
        do {
            left = withoutOldest(left) ?: return left
        } while (tokens(left) > contextLength - room - quarter)
        return left
    }

    private fun tokens(messages: List<Message>): Int =
        try {
            count(messages)
        } catch (_: PromptTooLongException) {
            Int.MAX_VALUE
        }

    /** Null where there is only the last turn. */
    private fun withoutOldest(messages: List<Message>): List<Message>? {
        val (system, said) = messages.partition { it.role == SYSTEM }
        val next = said.drop(1).indexOfFirst { it.role == USER }
        return if (next < 0) null else system + said.drop(next + 1)
    }

    private companion object {
        const val SHARE = 4
    }
}
