package dev.slipstream.decode

import androidx.collection.IntList
import dev.slipstream.sampling.Sampler
import java.util.function.LongSupplier

/** The `cancelled` of a caller that never cancels. */
public val never: () -> Boolean = { false }

/** The `filled` of a caller that does not watch prefills. */
public val unwatched: (Int, Int) -> Unit = { _, _ -> }

/**
 * Turns that share a target's cache. Without a drafter it decodes plainly.
 *
 * The last token of a turn stays pending and is the first that the next turn prefills, so that n turns leave the
 * cache as one prefill of the same tokens would. After a cancelled turn, or one whose budget ran out, a turn with an
 * empty prompt goes on where it stopped. [observer] is told of each round that is handed out, prefills and cancelled
 * ones too, and how long it took by [clock], in nanoseconds. Not thread-safe, but for `cancelled`, which may read what
 * others write.
 */
public class Session(
    private val target: Target,
    private val drafter: Drafter?,
    private val config: DecodeConfig,
    /** The one that both ports ask, so that a caller can choose anew between turns; the loop does not look at it. */
    public val sampler: Sampler? = null,
    private val observer: RoundObserver? = null,
    private val clock: LongSupplier = LongSupplier(System::nanoTime),
) {
    public var state: State = State(target.capacity)
        private set

    /**
     * Yields the turn's rounds as they happen; only the last has a stop reason. [promptTokens] follow what was said so
     * far; with [fromStart] they are the whole context from its first token on, of which only what the cache does not
     * hold already is prefilled. [filled] gets, between the passes of a prefill, how many of how many tokens are
     * written. The sequence is to be iterated once,
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
        filled: (Int, Int) -> Unit = unwatched,
        fromStart: Boolean = false,
    ): Sequence<Round> {
        val rounds = decode(state, promptTokens, fromStart, maxNewTokens, target, drafter, config, cancelled, filled)
        return if (observer == null) rounds else observed(rounds)
    }

    private fun observed(rounds: Sequence<Round>): Sequence<Round> =
        sequence {
            var begin = clock.asLong
            for (round in rounds) {
                observer?.observe(round, clock.asLong - begin)
                yield(round)
                begin = clock.asLong
            }
        }

    /** How long the next turn's prompt may be, in tokens. */
    public val room: Int
        get() {
            val pending = if (state.bonusToken == NO_TOKEN) 0 else 1
            return maxOf(0, target.capacity - state.cacheLength - pending)
        }

    /** Forgets the conversation. */
    public fun reset() {
        target.rollback(0)
        state = State(target.capacity)
    }
}
