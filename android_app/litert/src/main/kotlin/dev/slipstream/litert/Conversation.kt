package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.IntSet
import dev.slipstream.decode.DecodeConfig
import dev.slipstream.decode.Round
import dev.slipstream.decode.Session
import dev.slipstream.decode.StopReason
import dev.slipstream.draft.DraftPolicy
import dev.slipstream.draft.SteeredDrafter
import dev.slipstream.draft.ngramDrafter
import dev.slipstream.sampling.Sampler
import dev.slipstream.sampling.Sampling

/** Turns over [runtime], each from the start, whose draft length may change from round to round. One at a time a runtime. */
public class Conversation(
    runtime: BundleRuntime,
    stopTokens: IntSet,
) {
    private lateinit var policy: DraftPolicy
    private val session: Session
    private val sampler = Sampler(capacity = runtime.target.capacity)

    init {
        val most = draftLengths(runtime).last()
        val source = runtime.drafter(sampler) ?: ngramDrafter(most, runtime.target.capacity)
        val drafter = SteeredDrafter(source) { policy }
        session = Session(runtime.target(sampler), drafter, DecodeConfig(most, stopTokens))
    }

    /** Says that others have used the cache: the next turn prefills its whole context. */
    public fun forget() {
        session.reset()
    }

    /**
     * Decodes what follows [context], all that is to be read from the first token on; what the cache has of it stays.
     * To go on with a reply that was cut, its tokens are the context's last.
     *
     * [policy] and [sampling] hold for this turn. [onRound] gets each round, to be read at once, and how long it took; the first is the prefill. [cancelled] and
     * [filled] are asked and told between the passes of a prefill. Throws as [Session.turn].
     */
    public fun turn(
        context: IntList,
        maxNewTokens: Int,
        policy: DraftPolicy,
        sampling: Sampling,
        cancelled: () -> Boolean,
        filled: (Int, Int) -> Unit,
        onRound: (Round, Long) -> Unit,
    ): StopReason {
        this.policy = policy
        sampler.sampling = sampling
        var begin = System.nanoTime()
        var reason = StopReason.CANCELLED
        for (round in session.turn(context, maxNewTokens, cancelled, filled, fromStart = true)) {
            val nanos = System.nanoTime() - begin
            val isKept = round.stopReason != StopReason.CANCELLED
            if (isKept && round.verifyWidth > 0) policy.observe(round.draftTokens.size, round.emittedTokens.size, nanos)
            onRound(round, nanos)
            round.stopReason?.let { reason = it }
            begin = System.nanoTime()
        }
        return reason
    }
}
