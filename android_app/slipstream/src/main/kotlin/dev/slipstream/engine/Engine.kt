package dev.slipstream.engine

import dev.slipstream.CheckOutcome
import dev.slipstream.CheckStep
import dev.slipstream.ModelInfo
import dev.slipstream.ReplyEvent
import dev.slipstream.Slipstream

/**
 * What decodes for a [Slipstream]: LiteRT, or a script where an app is tested without a model ([Slipstream.over]).
 *
 * Called by one thread at a time.
 */
public interface Engine : AutoCloseable {
    public val info: ModelInfo

    /**
     * Decodes one reply. [onEvent] gets what happens at once, in the calling thread, but for the end. [cancelled] is asked
     * between the steps of a round and the passes of a prompt; what was emitted until then is the reply.
     *
     * The engine remembers nothing but what its cache still has of an earlier request. Throws SlipstreamException.
     */
    public fun reply(
        request: ReplyRequest,
        cancelled: () -> Boolean,
        onEvent: (ReplyEvent) -> Unit,
    ): EngineReply

    /**
     * How many tokens are to be read before the first one of the reply to [request]. Throws as [reply]:
     * PromptTooLongException where a text is too long to count.
     */
    public fun contextTokens(request: ReplyRequest): Int

    /**
     * Every byte, every golden trace, then a bench of about [benchSeconds]; null when [cancelled]. A difference is no
     * error: the outcome tells it. Throws SlipstreamException.
     */
    public fun selfCheck(
        benchSeconds: Double,
        cancelled: () -> Boolean,
        onStep: (CheckStep) -> Unit,
    ): CheckOutcome?
}
