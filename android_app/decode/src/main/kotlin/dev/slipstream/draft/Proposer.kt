package dev.slipstream.draft

import androidx.collection.IntList
import androidx.collection.emptyIntList
import dev.slipstream.decode.DraftSource
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.Hidden
import dev.slipstream.decode.Round
import dev.slipstream.decode.RoundObserver
import dev.slipstream.decode.StopReason
import java.util.function.LongSupplier

/**
 * The loop's Drafter: it asks [policy], which may be another from one round to the next, and hands out the drafts of the
 * source that it names. For one session over a cache of [capacity] slots, and for one thread.
 *
 * [model] makes the model drafter, which is to ask what it is given; null: there is no model. [clock] gives nanoseconds.
 * Drafting allocates nothing.
 */
public class Proposer(
    public var policy: Policy,
    capacity: Int,
    model: ((GoesOn) -> Drafter)? = null,
    private val clock: LongSupplier = LongSupplier(System::nanoTime),
) : Drafter,
    RoundObserver {
    private val model = model?.invoke(Asked())
    private val index = NgramIndex(capacity)
    private var hasMatch = false

    /** Where the drafts of the latest round come from, until the session tells of one; null where there are none. */
    override var source: DraftSource? = null
        private set

    /** How long the latest round's drafts took, likewise. */
    public var draftNanos: Long = 0
        private set

    /**
     * At most [count] tokens (>= 1) to follow [bonusToken]; none where the policy wants none, or has no source. The list
     * is the source's, until it is asked again.
     */
    override fun draft(
        cached: IntList,
        bonusToken: Int,
        hidden: Hidden,
        position: Int,
        count: Int,
    ): IntList {
        val begin = clock.asLong
        forget()
        val match = if (policy.looksUp) index.match(cached, bonusToken) else 0
        hasMatch = match > 0
        val plan = policy.plan(position, count, match)
        val wanted = minOf(plan.count, count)
        val draftTokens =
            when {
                wanted < 1 -> null
                plan.source == DraftSource.NGRAM -> index.drafts(wanted)
                plan.source == DraftSource.DRAFTER -> model?.draft(cached, bonusToken, hidden, position, wanted)
                else -> null
            } ?: emptyIntList()
        source = if (draftTokens.isEmpty()) null else plan.source
        draftNanos = clock.asLong - begin
        return draftTokens
    }

    /**
     * To be told of every round that the session hands out, and how long it took: the policy learns of those whose verify
     * pass was completed.
     */
    override fun observe(
        round: Round,
        nanos: Long,
    ) {
        val isPass = round.verifyWidth > 0 && round.stopReason != StopReason.CANCELLED
        if (isPass) policy.observe(round, draftNanos, nanos, if (hasMatch) index.countRight(round.emittedTokens) else 0)
        // The loop does not ask where nothing may be drafted: such a round is not to find what another left.
        forget()
    }

    private inner class Asked : GoesOn {
        override val isAsked: Boolean get() = policy.isAsked

        override fun goesOn(
            drafted: Int,
            confidence: Double,
            made: Int,
        ): Boolean = policy.goesOn(drafted, confidence, made)
    }

    private fun forget() {
        source = null
        draftNanos = 0
        hasMatch = false
    }
}
