package dev.slipstream.scripted

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.Hidden
import dev.slipstream.sampling.Sampler
import dev.slipstream.sampling.splitmix
import java.nio.FloatBuffer

/**
 * Follows the target's own hash from (bonusToken, hidden), with planned mistakes. Shown the wrong hidden, dead rows or a
 * wrong position it answers all the same, only worse.
 */
internal class ScriptedDrafter(
    private val script: DrafterScript,
    private val target: ScriptedTarget,
    private val sampler: Sampler? = null,
) : Drafter {
    private val vocab get() = target.script.vocab

    override fun draft(
        cached: IntList,
        bonusToken: Int,
        hidden: Hidden,
        position: Int,
        count: Int,
    ): IntList {
        if (count < 1) throw MisuseException("$count drafts asked for")
        val seen = target.states[target.cacheLength]
        val shown = hidden as Long
        val isInStep = shown == seen && position == target.cacheLength && cached.size == position
        var state = if (isInStep) shown else splitmix(shown xor seen xor position.toLong())
        var token = bonusToken
        sampler?.beginDrafts(bonusToken, position)
        val draftTokens = MutableIntList()
        while (draftTokens.size < count) {
            state = splitmix(state xor token.toLong())
            val luck = splitmix(state xor script.seed)
            if ((luck and 0x7FFFFFFF) % 100 < script.fewerPercent) break
            token = sampler?.draftToken(row(state), vocab, wantsConfidence = false) ?: guess(state, luck)
            draftTokens.add(token)
        }
        return draftTokens
    }

    private fun guess(
        state: Long,
        luck: Long,
    ): Int {
        val token = ((state ushr 33) % vocab).toInt()
        return if ((luck ushr 33) % 100 >= script.hitPercent) (token + 1) % vocab else token
    }

    /** The target's row after the same text, and the more noise the rarer a hit is to be. */
    private fun row(state: Long): FloatBuffer {
        val row = FloatBuffer.allocate(vocab)
        for (token in 0 until vocab) {
            val noise = (hashByte(state xor script.seed, token) - 128) * (100 - script.hitPercent) / 2048f
            row.put(token, scriptedLogit(state, token) + noise)
        }
        return row
    }
}
