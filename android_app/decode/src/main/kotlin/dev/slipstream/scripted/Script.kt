package dev.slipstream.scripted

import androidx.collection.IntList

/** A drafter that is right in about [hitPercent] of its drafts and gives up early in [fewerPercent] of them. */
internal class DrafterScript(
    val seed: Long,
    val hitPercent: Int,
    val fewerPercent: Int,
)

/**
 * Everything that fixes a scripted pair. [fillLength] is how many tokens a fill takes (0: there is none, a prefill takes
 * all), [logits] replaces the hash for the token after a given slot.
 */
internal class Script(
    val seed: Long,
    val vocab: Int,
    val fillLength: Int,
    val drafter: DrafterScript?,
    val logits: Map<Int, IntList> = emptyMap(),
)

/** A port was called in a way that no correct loop does. */
internal class MisuseException(
    message: String,
) : IllegalStateException(message)

/** A fresh target, and the drafter that reads its cache if the script has one. */
internal fun scriptedPair(
    script: Script,
    capacity: Int,
    verifyWidths: IntList,
): Pair<ScriptedTarget, ScriptedDrafter?> {
    val target = ScriptedTarget(script, capacity, verifyWidths)
    return target to script.drafter?.let { ScriptedDrafter(it, target) }
}
