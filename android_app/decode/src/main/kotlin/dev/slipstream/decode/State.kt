package dev.slipstream.decode

import androidx.collection.MutableIntList

/** No token is pending. */
public const val NO_TOKEN: Int = -1

/**
 * Between rounds the cache holds every token but the last emitted one, which is pending: the bonus token.
 *
 * [hidden] is the target's after the last token in the cache, [remaining] what is left of the turn's budget, [index]
 * the number of the next round. Only a commit changes [cacheLength], [bonusToken] and [hidden], so that a round which
 * is cancelled, or ends in an error, leaves the conversation as it was.
 */
public class State {
    public var index: Int = 0
        internal set
    public var cacheLength: Int = 0
        internal set
    public var bonusToken: Int = NO_TOKEN
        internal set
    public var hidden: Hidden? = null
        internal set
    public var remaining: Int = 0
        internal set

    /** The one round that the loop hands out again and again, and the lists it fills: decoding allocates nothing. */
    internal val round: Round = Round()
    internal val passTokens: MutableIntList = MutableIntList()
    internal val emittedTokens: MutableIntList = MutableIntList()
}
