package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.IntSet
import androidx.collection.MutableIntList
import dev.slipstream.decode.DecodeConfig
import dev.slipstream.decode.NO_TOKEN
import dev.slipstream.decode.Round
import dev.slipstream.decode.Session
import dev.slipstream.decode.StopReason
import dev.slipstream.draft.DraftPolicy
import dev.slipstream.draft.SteeredDrafter

/**
 * Turns over [runtime] whose draft length may change from round to round, and which can go on from a list of tokens:
 * what the cache holds of them is used, the rest is prefilled again. One at a time a runtime.
 */
public class Conversation(
    private val runtime: BundleRuntime,
    stopTokens: IntSet,
) {
    private lateinit var policy: DraftPolicy
    private val session: Session
    private val said = MutableIntList()

    init {
        val drafter = runtime.drafter?.let { SteeredDrafter(it) { policy } }
        session = Session(runtime.target, drafter, DecodeConfig(draftLengths(runtime).last(), stopTokens))
    }

    /** All tokens of the conversation, prompts and replies; the last one is not in the cache yet. */
    public val tokens: IntList get() = said

    /** Tokens that the next prompt may have. */
    public val room: Int get() = session.room

    /** Makes [tokens] the conversation so far. */
    public fun goOnFrom(tokens: IntList) {
        if (tokens == said) return
        session.reset()
        said.clear()
        said.addAll(tokens)
    }

    /**
     * Decodes one turn. [onRound] gets each round, to be read at once, and how long it took; the first is the prefill.
     *
     * An empty [prompt] goes on where the last turn stopped. Throws as [Session.turn]; the conversation is then as it
     * was before.
     */
    public fun turn(
        prompt: IntList,
        maxNewTokens: Int,
        policy: DraftPolicy,
        cancelled: () -> Boolean,
        onRound: (Round, Long) -> Unit,
    ): StopReason {
        this.policy = policy
        val isFresh = session.state.bonusToken == NO_TOKEN
        val tokens = MutableIntList()
        if (isFresh) tokens.addAll(said)
        tokens.addAll(prompt)
        var begin = System.nanoTime()
        var reason = StopReason.CANCELLED
        for (round in session.turn(tokens, maxNewTokens, cancelled)) {
            val nanos = System.nanoTime() - begin
            val isKept = round.stopReason != StopReason.CANCELLED
            if (isKept && round.verifyWidth == 0) said.addAll(prompt)
            said.addAll(round.emittedTokens)
            if (isKept && round.verifyWidth > 0) policy.observe(round.draftTokens.size, round.emittedTokens.size, nanos)
            onRound(round, nanos)
            round.stopReason?.let { reason = it }
            begin = System.nanoTime()
        }
        return reason
    }
}
