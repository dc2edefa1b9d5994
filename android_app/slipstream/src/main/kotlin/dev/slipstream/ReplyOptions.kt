package dev.slipstream

import dev.slipstream.errors.UsageException
import dev.slipstream.sampling.Sampling

/**
 * How one reply is decoded. What is not named is the bundle's own.
 *
 * [thinking] lets the model think first, in a bundle that [ModelInfo.hasThinking]. [maxNewTokens] counts tokens, thoughts
 * too; null is a quarter of the context. [sampling] null is as the checkpoint's makers sample, with random numbers of its
 * own for each reply; one that is given is used as it is, with its seed. [trims] lets the oldest turns leave a chat that the
 * context can't hold any more, which [ReplyEvent.Trimmed] tells; without it that is PromptTooLongException. UsageException
 * for a budget below 1.
 */
public class ReplyOptions(
    public val thinking: Boolean = false,
    public val maxNewTokens: Int? = null,
    public val sampling: Sampling? = null,
    public val drafting: Drafting = Drafting.AUTO,
    public val trims: Boolean = true,
) {
    init {
        if (maxNewTokens != null && maxNewTokens < 1) {
            throw UsageException(
                "maxNewTokens is not allowed",
                expected = "a whole number of at least 1",
                found = "$maxNewTokens",
                where = "ReplyOptions",
                action = "Choose a larger one, or leave it out.",
            )
        }
    }
}
