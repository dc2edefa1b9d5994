package dev.slipstream.app.chat

import dev.slipstream.ModelInfo
import dev.slipstream.ReplyOptions
import dev.slipstream.app.history.ChatSettings
import dev.slipstream.sampling.DraftChoice
import dev.slipstream.sampling.Sampling
import java.security.SecureRandom

/** How a reply is decoded by these settings; what they don't say is as [info] of the bundle has it. */
internal fun ChatSettings.options(
    isThinking: Boolean,
    info: ModelInfo?,
): ReplyOptions = ReplyOptions(isThinking, maxNewTokens, sampling(info?.sampling ?: Sampling.GREEDY), drafting)

/** Null is as the bundle has it. Each reply has random numbers of its own. */
private fun ChatSettings.sampling(bundle: Sampling): Sampling? {
    if (temperature == null && topK == null && topP == null) return null
    return bundle.copy(
        temperature = temperature ?: bundle.temperature,
        topK = topK ?: bundle.topK,
        topP = topP ?: bundle.topP,
        seed = SecureRandom().nextLong() ushr 1,
        drafts = DraftChoice.DRAWN,
    )
}
