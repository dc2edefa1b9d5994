package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.IntSet
import dev.slipstream.decode.DecodeConfig
import dev.slipstream.decode.Round
import dev.slipstream.decode.Session
import dev.slipstream.decode.StopReason
import dev.slipstream.draft.Fixed
import dev.slipstream.draft.Policy
import dev.slipstream.sampling.Sampler
import dev.slipstream.sampling.Sampling

/** Turns over [runtime], each from the start, whose policy and sampling may change between turns. One at a time a runtime. */
public class Conversation(
    runtime: BundleRuntime,
    stopTokens: IntSet,
) {
    private val sampler = Sampler(capacity = runtime.target.capacity)
    private val proposer = runtime.proposer(Fixed(0), sampler)
    private val session =
        Session(
            runtime.target(sampler),
            proposer,
            DecodeConfig(runtime.mostDrafts, stopTokens),
            sampler,
            proposer,
        )

    /** Says that others have used the cache: the next turn prefills its whole context. */
    public fun forget() {
        session.reset()
    }

    /**
     * Decodes what follows [context], all that is to be read from the first token on; what the cache has of it stays.
     * To go on with a reply that was cut, its tokens are the context's last.
     *
     * [policy] and [sampling] hold for this turn. [onRound] gets each round, to be read at once, and how long it took;
     * the first is the prefill. [cancelled] and [filled] are asked and told between the passes of a prefill. Throws as
     * [Session.turn].
     */
    public fun turn(
        context: IntList,
        maxNewTokens: Int,
        policy: Policy,
        sampling: Sampling,
        cancelled: () -> Boolean,
        filled: (Int, Int) -> Unit,
        onRound: (Round, Long) -> Unit,
    ): StopReason {
        proposer.policy = policy
        sampler.sampling = sampling
        var begin = System.nanoTime()
        var reason = StopReason.CANCELLED
        for (round in session.turn(context, maxNewTokens, cancelled, filled, fromStart = true)) {
            onRound(round, System.nanoTime() - begin)
            round.stopReason?.let { reason = it }
            begin = System.nanoTime()
        }
        return reason
    }
}
