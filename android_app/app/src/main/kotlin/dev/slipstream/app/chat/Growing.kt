package dev.slipstream.app.chat

import dev.slipstream.app.engine.Piece

/** A reply while it grows, from [begun] on where that goes on. Written by the engine's thread, read when it is shown. */
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
    fun add(pieces: List<Piece>) {
        for (piece in pieces) {
            if (piece.isThought) {
                thought.append(piece.text)
                continue
            }
            text.append(piece.text)
            val last = runs.lastOrNull()
            if (last != null && last.accepted == piece.accepted) {
                runs[runs.size - 1] = Run(text.length, last.tokens + 1, last.accepted)
            } else {
                runs.add(Run(text.length, 1, piece.accepted))
            }
        }
    }

    @Synchronized
    fun message() = Message(isUser = false, text.toString(), runs.toList(), thought.toString())
}
