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
     * Writes [tokens] at slots [position].. and returns the token and the hidden after the last of them.
     *
     * Cuts the tokens into chunks as it likes, but no chunk, padding included, may end past [capacity].
     */
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
