package dev.slipstream.draft

import androidx.collection.IntList
import androidx.collection.emptyIntList
import dev.slipstream.decode.DraftSource
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.Hidden

/** [drafter], asked for no more than what [policy] plans: a session whose draft length can change between rounds. */
public class SteeredDrafter(
    private val drafter: Drafter,
    private val policy: () -> Policy,
) : Drafter {
    override val source: DraftSource? get() = drafter.source
    private var draftNanos = 0L

    override fun draft(
        cached: IntList,
        bonusToken: Int,
        hidden: Hidden,
        position: Int,
        count: Int,
    ): IntList {
        val begin = System.nanoTime()
        val plan = policy().plan(position, count, match = 0)
        val wanted = if (plan.source == DraftSource.DRAFTER) minOf(count, plan.count) else 0
        val drafts = if (wanted > 0) drafter.draft(cached, bonusToken, hidden, position, wanted) else emptyIntList()
        draftNanos = System.nanoTime() - begin
        return drafts
    }

    /** How long drafting took since this was asked last; 0 where the loop asked for no drafts. */
    public fun takeDraftNanos(): Long = draftNanos.also { draftNanos = 0 }
}
