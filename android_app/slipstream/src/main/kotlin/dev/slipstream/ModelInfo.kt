package dev.slipstream

import dev.slipstream.sampling.Sampling

/**
 * What is loaded. [bundleSha256] is of the bundle's manifest, which is over the digests of all its bytes; [contextLength]
 * counts tokens; [draftLengths] are the drafts that a round may have, ascending, none where no pass verifies drafts.
 *
 * [hasChat]: the bundle has a chat template, without which there are only completions. [hasSystem] and [hasThinking]: that
 * template knows a system turn, and thinking. [sampling] is as the checkpoint's makers sample, greedy where they don't say.
 */
public data class ModelInfo(
    val bundleSha256: String,
    val targetId: String,
    val drafterId: String?,
    val recipe: String,
    val contextLength: Int,
    val hasChat: Boolean,
    val hasSystem: Boolean,
    val hasThinking: Boolean,
    val draftLengths: List<Int>,
    val sampling: Sampling = Sampling.GREEDY,
)
