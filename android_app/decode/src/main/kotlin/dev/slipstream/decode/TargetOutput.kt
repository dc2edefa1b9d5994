package dev.slipstream.decode

import androidx.collection.IntList

/**
 * What a pass says after each of its tokens: one token, and one hidden, which may have further ones behind it.
 *
 * Belongs to the target: it is overwritten by the next pass, so that decoding allocates nothing.
 */
public class TargetOutput(
    public val targetTokens: IntList,
    public val hiddens: List<Hidden>,
) {
    internal operator fun component1(): IntList = targetTokens

    internal operator fun component2(): List<Hidden> = hiddens
}
