package dev.slipstream.app.engine

/** What one round gave, and the meter after it. */
internal data class ReplyProgress(
    val pieces: List<Piece>,
    val meter: Meter,
)
