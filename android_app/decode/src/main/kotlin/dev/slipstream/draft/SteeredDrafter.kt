package dev.slipstream.draft

import androidx.collection.IntList
import androidx.collection.emptyIntList
import dev.slipstream.decode.DraftSource
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.Hidden

/** [drafter], asked for no more than what [policy] says: a session whose draft length can change between rounds. */
public class SteeredDrafter(
    private val drafter: Drafter,
    private val policy: () -> DraftPolicy,
) : Drafter {
    override val source: DraftSource? get() = drafter.source

    override fun draft(
        cached: IntList,
        bonusToken: Int,
        hidden: Hidden,
        position: Int,
        count: Int,
    ): IntList {
        val wanted = minOf(count, policy().count)
        return if (wanted > 0) drafter.draft(cached, bonusToken, hidden, position, wanted) else emptyIntList()
    }
}
