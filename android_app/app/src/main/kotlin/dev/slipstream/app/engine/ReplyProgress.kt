package dev.slipstream.app.engine

/** How a reply is going. */
internal sealed interface ReplyProgress {
    /** [done] of the [total] tokens that the cache did not have are read. */
    data class Reading(
        val done: Int,
        val total: Int,
    ) : ReplyProgress

    /** A reply goes on: so much of its text stays. What is behind that was no whole character yet, and comes again. */
    data class GoingOn(
        val thoughtLength: Int,
        val answerLength: Int,
    ) : ReplyProgress

    /** What one round gave, and the meter after it. */
    data class Said(
        val pieces: List<Piece>,
        val meter: Meter,
    ) : ReplyProgress
}
