package dev.slipstream.decode

import androidx.collection.IntList

/**
 * A target's hidden state after one token, after the final norm: the loop hands it to the drafter and never looks
 * inside. It stays readable until the target's next prefill or verify.
 */
public typealias Hidden = Any

/**
 * A model with a cache of [capacity] slots. Slots below `cacheLength` are live; what lies past it is dead.
 *
 * Calls come one at a time, from one thread at a time.
 */
public interface Target {
    public val capacity: Int

    /** The exported numbers of rows a verify call can have: ascending, beginning with 1, which is plain decoding. */
    public val verifyWidths: IntList

    /**
     * How many of [numTokens] (>= 1) still to come at slots [position].. the next [fill] takes, fewer than [numTokens];
     * 0 when [prefill] takes them all. No pass, padding included, may end past [capacity].
     */
    public fun fillCount(
        numTokens: Int,
        position: Int,
    ): Int

    /** Writes [tokens], as many as [fillCount] said, at slots [position].. in one pass. */
    public fun fill(
        tokens: IntList,
        position: Int,
    )

    /** Writes [tokens] at slots [position].. and returns the token and the hidden after the last of them. */
    public fun prefill(
        tokens: IntList,
        position: Int,
    ): TargetOutput

    /**
     * Writes [tokens] at slots [position].. in one pass of [width] rows (`tokens.size <= width`, the rest padding).
     *
     * Returns the token and the hidden after each of the tokens. The caller sees to `position + width <= capacity`.
     */
    public fun verify(
        tokens: IntList,
        position: Int,
        width: Int,
    ): TargetOutput

    /** Declares slots from [cacheLength] on dead: neither target nor drafter may read them again. */
    public fun rollback(cacheLength: Int)
}
