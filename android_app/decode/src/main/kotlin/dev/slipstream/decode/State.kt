package dev.slipstream.decode

import androidx.collection.IntList
import androidx.collection.MutableIntList

/** No token is pending. */
public const val NO_TOKEN: Int = -1

/**
 * Between rounds the cache holds every token but the last emitted one, which is pending: the bonus token.
 *
 * [cached] are the tokens in the cache, [hidden] is the target's after the last of them, [remaining] what is left of
 * the turn's budget, [index] the number of the next round. Only a commit, and the plan of a turn that starts again from
 * a common beginning, change [cached], [bonusToken] and [hidden], so that a round which is cancelled, or ends in an
 * error, leaves the conversation as it was. [capacity]: slots of the cache.
 */
public class State(
    capacity: Int,
) {
    public var index: Int = 0
        internal set
    internal val cachedTokens: MutableIntList = MutableIntList(capacity)
    public val cached: IntList get() = cachedTokens
    public val cacheLength: Int get() = cachedTokens.size
    public var bonusToken: Int = NO_TOKEN
        internal set
    public var hidden: Hidden? = null
        internal set
    public var remaining: Int = 0
        internal set

    /** The one round that the loop hands out again and again, and the lists it fills: decoding allocates nothing. */
    internal val round: Round = Round()
    internal val passTokens: MutableIntList = MutableIntList()
    internal val partTokens: MutableIntList = MutableIntList()
    internal val emittedTokens: MutableIntList = MutableIntList()
}
