package dev.slipstream.decode

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.emptyIntList

/**
 * One call of the target, a prefill (verifyWidth 0) or a verify pass; runtime_spec/TRACES.md explains each field.
 *
 * The loop hands out the same object for every round: what is read later must be a [copy].
 */
public class Round internal constructor() {
    public var index: Int = 0
        internal set
    public var position: Int = 0
        internal set
    public var bonusToken: Int = NO_TOKEN
        internal set
    public var fills: Int = 0
        internal set
    public var draftTokens: IntList = emptyIntList()
        internal set

    /** Where [draftTokens] come from; null where there are none. */
    public var draftSource: DraftSource? = null
        internal set
    public var verifyWidth: Int = 0
        internal set
    public var targetTokens: IntList = emptyIntList()
        internal set
    public var numAccepted: Int = 0
        internal set
    public var emittedTokens: IntList = emptyIntList()
        internal set
    public var cacheLength: Int = 0
        internal set
    public var stopReason: StopReason? = null
        internal set

    /** Golden traces only: for each target token the largest minus the second largest logit. */
    public var margins: List<Double>? = null
        internal set

    internal fun set(
        index: Int,
        position: Int,
        bonusToken: Int,
        fills: Int,
        draftTokens: IntList,
        draftSource: DraftSource?,
        verifyWidth: Int,
        targetTokens: IntList,
        numAccepted: Int,
        emittedTokens: IntList,
        cacheLength: Int,
        stopReason: StopReason?,
    ): Round {
        this.index = index
        this.position = position
        this.bonusToken = bonusToken
        this.fills = fills
        this.draftTokens = draftTokens
        this.draftSource = draftSource
        this.verifyWidth = verifyWidth
        this.targetTokens = targetTokens
        this.numAccepted = numAccepted
        this.emittedTokens = emittedTokens
        this.cacheLength = cacheLength
        this.stopReason = stopReason
        return this
    }

    /** The round as it is now, in memory of its own. */
    public fun copy(): Round {
        val copy = Round()
        copy.set(
            index,
            position,
            bonusToken,
            fills,
            draftTokens.copy(),
            draftSource,
            verifyWidth,
            targetTokens.copy(),
            numAccepted,
            emittedTokens.copy(),
            cacheLength,
            stopReason,
        )
        copy.margins = margins?.toList()
        return copy
    }

    private fun IntList.copy(): IntList = MutableIntList(size).also { it.addAll(this) }
}
