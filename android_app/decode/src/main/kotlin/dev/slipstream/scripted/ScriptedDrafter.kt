package dev.slipstream.scripted

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.Hidden

/**
 * Follows the target's own hash from (bonusToken, hidden), with planned mistakes. Shown the wrong hidden, dead rows or a
 * wrong position it answers all the same, only worse.
 */
internal class ScriptedDrafter(
    private val script: DrafterScript,
    private val target: ScriptedTarget,
) : Drafter {
    override fun draft(
        bonusToken: Int,
        hidden: Hidden,
        position: Int,
        count: Int,
    ): IntList {
        if (count < 1) throw MisuseException("$count drafts asked for")
        val seen = target.states[target.cacheLength]
        val shown = hidden as Long
        val isInStep = shown == seen && position == target.cacheLength
        var state = if (isInStep) shown else splitmix(shown xor seen xor position.toLong())
        var token = bonusToken
        val draftTokens = MutableIntList()
        while (draftTokens.size < count) {
            state = splitmix(state xor token.toLong())
            val luck = splitmix(state xor script.seed)
            if ((luck and 0x7FFFFFFF) % 100 < script.fewerPercent) break
            token = ((state ushr 33) % target.script.vocab).toInt()
            if ((luck ushr 33) % 100 >= script.hitPercent) token = (token + 1) % target.script.vocab
            draftTokens.add(token)
        }
        return draftTokens
    }
}
