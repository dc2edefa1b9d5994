package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.Hidden
import dev.slipstream.draft.GoesOn
import dev.slipstream.sampling.Sampler
import java.nio.FloatBuffer

/** The drafter over LiteRT. [sampler] is the target's; without [goesOn] it drafts as many as it is asked for. */
internal class LiteRtDrafter(
    private val step: DraftStep,
    private val sampler: Sampler,
    private val goesOn: GoesOn?,
) : Drafter {
    private val draftTokens = MutableIntList()

    override fun draft(
        cached: IntList,
        bonusToken: Int,
        hidden: Hidden,
        position: Int,
        count: Int,
    ): IntList {
        step.begin(position)
        sampler.beginDrafts(bonusToken, position)
        draftTokens.clear()
        var token = bonusToken
        var lastHidden = hidden as FloatBuffer
        while (draftTokens.size < count) {
            step.run(token, lastHidden)
            lastHidden = step.projected
            val asksOn = goesOn != null && goesOn.isAsked && draftTokens.size + 1 < count
            token = sampler.draftToken(step.logits, step.logits.capacity(), asksOn)
            draftTokens.add(token)
            if (asksOn && !goesOn.goesOn(draftTokens.size, sampler.confidence)) break
        }
        return draftTokens
    }
}
