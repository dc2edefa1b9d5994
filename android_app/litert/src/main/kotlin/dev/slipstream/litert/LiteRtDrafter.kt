package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.Hidden
import dev.slipstream.draft.GoesOn
import dev.slipstream.sampling.Sampler
import java.nio.FloatBuffer

/**
 * The drafter over LiteRT. [sampler] is the target's; without [goesOn] it drafts as many as it is asked for. Greedy drafts
 * come in one call of the shortest of [calls] (ascending) that has so many, drawn ones step by step.
 */
internal class LiteRtDrafter(
    private val step: DraftStep,
    private val calls: List<Drafts>,
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
        val drafts = if (sampler.sampling.drawsDrafts) null else shortest(count)
        if (drafts == null) {
            oneByOne(bonusToken, hidden as FloatBuffer, count)
        } else {
            drafts.run(bonusToken, hidden as FloatBuffer)
            take(drafts, count)
        }
        return draftTokens
    }

    private fun shortest(count: Int): Drafts? {
        for (i in calls.indices) if (calls[i].count >= count) return calls[i]
        return null
    }

    private fun oneByOne(
        bonusToken: Int,
        hidden: FloatBuffer,
        count: Int,
    ) {
        var token = bonusToken
        var lastHidden = hidden
        while (draftTokens.size < count) {
            step.run(token, lastHidden)
            lastHidden = step.projected
            val asksOn = asksAfter(draftTokens.size, count)
            token = sampler.draftToken(step.logits, step.logits.capacity(), asksOn)
            draftTokens.add(token)
            if (asksOn && !goesOn!!.goesOn(draftTokens.size, sampler.confidence, draftTokens.size)) break
        }
    }

    /** What lies behind a refusal, or behind [count], is dropped. */
    private fun take(
        drafts: Drafts,
        count: Int,
    ) {
        for (i in 0 until count) {
            val asksOn = asksAfter(i, count)
            val token = drafts.tokens[i]
            sampler.chosenDraft(token, drafts.largest, i, asksOn)
            draftTokens.add(token)
            if (asksOn && !goesOn!!.goesOn(i + 1, sampler.confidence, count)) break
        }
    }

    private fun asksAfter(
        index: Int,
        count: Int,
    ) = goesOn != null && goesOn.isAsked && index + 1 < count
}
