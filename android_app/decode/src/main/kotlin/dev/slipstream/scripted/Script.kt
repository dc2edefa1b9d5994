package dev.slipstream.scripted

import androidx.collection.IntList
import dev.slipstream.sampling.Sampler
import dev.slipstream.sampling.Sampling

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

/** A fresh target, and the drafter that reads its cache if the script has one; with [sampling] both have rows of logits. */
internal fun scriptedPair(
    script: Script,
    capacity: Int,
    verifyWidths: IntList,
    sampling: Sampling? = null,
): Pair<ScriptedTarget, ScriptedDrafter?> {
    val sampler = sampling?.let { Sampler(it, capacity) }
    val target = ScriptedTarget(script, capacity, verifyWidths, sampler)
    return target to script.drafter?.let { ScriptedDrafter(it, target, sampler) }
}
