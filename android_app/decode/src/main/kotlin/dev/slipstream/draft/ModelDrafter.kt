package dev.slipstream.draft

import androidx.collection.IntList
import dev.slipstream.decode.Hidden

/** The loop's Drafter, over a model that asks a [GoesOn]. */
public fun interface ModelDrafter {
    /** At most [count] tokens (>= 1) to follow [bonusToken]; the list is the drafter's, until it is asked again. */
    public fun draft(
        cached: IntList,
        bonusToken: Int,
        hidden: Hidden,
        position: Int,
        count: Int,
    ): IntList
}
