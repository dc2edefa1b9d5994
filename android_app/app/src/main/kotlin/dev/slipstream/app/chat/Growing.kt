package dev.slipstream.app.chat

import dev.slipstream.app.engine.Piece

/** A reply while it grows. Written by the engine's thread, read when it is shown. */
internal class Growing {
    private val text = StringBuilder()
    private val runs = ArrayList<Run>()

    @Synchronized
    fun add(pieces: List<Piece>) {
        for (piece in pieces) {
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
    fun message() = Message(isUser = false, text.toString(), runs.toList())
}
