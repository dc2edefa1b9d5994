package dev.slipstream.draft

import dev.slipstream.decode.Round

/** Chooses where the drafts of each round come from, by what it is told: it has no clock of its own. For one thread. */
public interface Policy : GoesOn {
    /** The time that trials of this policy took, in nanoseconds. */
    public val probeNanos: Long get() = 0

    /** Whether it may draft from a match; one that never does is told of none. */
    public val looksUp: Boolean

    /**
     * For the round at [position], where the loop allows [most] drafts (>= 1) and the text has an n-gram match of [match]
     * tokens (0: none).
     */
    public fun plan(
        position: Int,
        most: Int,
        match: Int,
    ): DraftPlan

    /**
     * The verify pass of [round] was completed; drafting took [draftNanos] and the whole round [nanos]. The match that [plan]
     * was told of has the first [matched] of the round's emitted tokens, whether it was drafted from or not.
     */
    public fun observe(
        round: Round,
        draftNanos: Long,
        nanos: Long,
        matched: Int,
    )
}
