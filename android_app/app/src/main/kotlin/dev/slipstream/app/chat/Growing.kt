package dev.slipstream.app.chat

import dev.slipstream.ReplyEvent

/** A reply while it grows, from [begun] on where that goes on. Written by who collects it, read when it is shown. */
internal class Growing(
    begun: Message? = null,
) {
    private val text = StringBuilder(begun?.text.orEmpty())
    private val thought = StringBuilder(begun?.thought.orEmpty())
    private val runs = ArrayList(begun?.runs.orEmpty())

    /** Takes back what was no whole character yet when the reply was cut. */
    @Synchronized
    fun cut(
        thoughtLength: Int,
        textLength: Int,
    ) {
        thought.setLength(thoughtLength)
        text.setLength(textLength)
        while (runs.isNotEmpty() && runs.last().end > textLength) {
            val last = runs.removeLast()
            if ((runs.lastOrNull()?.end ?: 0) < textLength) runs.add(last.copy(end = textLength))
        }
    }

    @Synchronized
    fun add(piece: ReplyEvent.Thought) {
        thought.append(piece.text)
    }

    @Synchronized
    fun add(piece: ReplyEvent.Text) {
        text.append(piece.text)
        val accepted = piece.draftSource != null
        val last = runs.lastOrNull()
        if (last != null && last.accepted == accepted) {
            runs[runs.size - 1] = Run(text.length, last.tokens + 1, accepted)
        } else {
            runs.add(Run(text.length, 1, accepted))
        }
    }

    @Synchronized
    fun message() = Message(isUser = false, text.toString(), runs.toList(), thought.toString())
}
