package dev.slipstream.decode

import androidx.collection.IntList

/** The `cancelled` of a caller that never cancels. */
public val never: () -> Boolean = { false }

/**
 * Turns that share a target's cache. Without a drafter it decodes plainly.
 *
 * The last token of a turn stays pending and is the first that the next turn prefills, so that n turns leave the
 * cache as one prefill of the same tokens would. After a cancelled turn, or one whose budget ran out, a turn with an
 * empty prompt goes on where it stopped. Not thread-safe, but for `cancelled`, which may read what others write.
 */
public class Session(
    private val target: Target,
    private val drafter: Drafter?,
    private val config: DecodeConfig,
) {
    public var state: State = State()
        private set

    /**
     * Yields the turn's rounds as they happen; only the last has a stop reason. The sequence is to be iterated once,
     * and hands out one [Round] object again and again: [Round.copy] what is read later.
     *
     * The caller may stop iterating between rounds: that ends the turn as a cancellation would. A new turn must not be
     * started while an older iterator is still used. The first round throws PromptTooLongException if the prompt does
     * not fit and UsageException if there is nothing to do; the conversation is then as it was before.
     */
    public fun turn(
        promptTokens: IntList,
        maxNewTokens: Int,
        cancelled: () -> Boolean = never,
    ): Sequence<Round> = decode(state, promptTokens, maxNewTokens, target, drafter, config, cancelled)

    /** How long the next turn's prompt may be, in tokens. */
    public val room: Int
        get() {
            val pending = if (state.bonusToken == NO_TOKEN) 0 else 1
            return maxOf(0, target.capacity - state.cacheLength - pending)
        }

    /** Forgets the conversation. */
    public fun reset() {
        target.rollback(0)
        state = State()
    }
}
