package dev.slipstream.decode

import androidx.collection.IntList

/** Guesses what the target will say: a small model that reads the target's live cache slots, or the text itself. */
public fun interface Drafter {
    /** Where the drafts that were returned last come from; of no meaning where there were none. */
    public val source: DraftSource? get() = DraftSource.DRAFTER

    /**
     * Up to [count] tokens (count >= 1) to follow [bonusToken], which will be written at slot [position].
     *
     * [cached] are the tokens in the cache, by slot, to be read and not to be kept; [hidden] is the target's after the
     * last of them, at slot `position - 1`. The position is the same for every draft of the
     * round. Fewer tokens, or none, are a fine answer. The list belongs to the drafter, until it is asked again.
     */
    public fun draft(
        cached: IntList,
        bonusToken: Int,
        hidden: Hidden,
        position: Int,
        count: Int,
    ): IntList
}
