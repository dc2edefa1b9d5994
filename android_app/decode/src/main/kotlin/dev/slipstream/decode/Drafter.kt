package dev.slipstream.decode

import androidx.collection.IntList

/** A small model that guesses what the target will say, reading the target's live cache slots. */
public fun interface Drafter {
    /**
     * Up to [count] tokens (count >= 1) to follow [bonusToken], which will be written at slot [position].
     *
     * [hidden] is the target's after the token at slot `position - 1`. The position is the same for every draft of the
     * round. Fewer tokens, or none, are a fine answer. The list belongs to the drafter, until it is asked again.
     */
    public fun draft(
        bonusToken: Int,
        hidden: Hidden,
        position: Int,
        count: Int,
    ): IntList
}
