package dev.slipstream.decode

import androidx.collection.IntSet

/** At most [numDraftTokens] drafts a round; a token of [stopTokens] ends the turn. */
public class DecodeConfig(
    public val numDraftTokens: Int,
    public val stopTokens: IntSet,
) {
    init {
        require(numDraftTokens >= 0) { "numDraftTokens < 0: $numDraftTokens" }
    }
}
