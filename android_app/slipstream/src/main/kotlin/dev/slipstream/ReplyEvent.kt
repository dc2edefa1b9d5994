package dev.slipstream

import dev.slipstream.decode.DraftSource
import dev.slipstream.decode.StopReason

/**
 * What happens while a reply is decoded, in this order: [Trimmed] where the oldest turns make room, [Resumed] where a reply
 * goes on, [Prefill] while a long prompt is read, then for each round its [Thought]s and [Text]s and a [Round], and [End] or [Unsaid] last.
 *
 * A `when` over events should have an `else`: later versions may tell more.
 */
public sealed interface ReplyEvent {
    /**
     * The chat had grown too long for the context: its [turns] oldest turns leave it, and the system's text stays. They are
     * back where the reply comes to nothing, by [Unsaid] or an error.
     */
    public data class Trimmed(
        val turns: Int,
    ) : ReplyEvent

    /** [done] of the [total] tokens that the cache did not have are read. */
    public data class Prefill(
        val done: Int,
        val total: Int,
    ) : ReplyEvent

    /** A reply goes on, and so much of it stays: what was behind that was no whole character, and comes again. */
    public data class Resumed(
        val text: String,
        val thought: String,
    ) : ReplyEvent

    /** What the model thinks, a few letters more. [draftSource] as for [Text]. */
    public data class Thought(
        val text: String,
        val draftSource: DraftSource?,
    ) : ReplyEvent

    /** A few letters more of the answer, of one token: a draft of [draftSource] that was accepted, or the target's own. */
    public data class Text(
        val text: String,
        val draftSource: DraftSource?,
    ) : ReplyEvent

    /** A pass of the target is over: the [figures] after it. */
    public data class Round(
        val figures: ReplyFigures,
    ) : ReplyEvent

    /**
     * The whole [reply], and why it ended: with a stop token, because `maxNewTokens` or the context was used up, or
     * `CANCELLED` by [Chat.stop] or because the model was closed.
     */
    public data class End(
        val reply: ChatTurn,
        val reason: StopReason,
        val figures: ReplyFigures,
    ) : ReplyEvent

    /** It was stopped before the model said anything: the chat is as it was before, without the message. */
    public data object Unsaid : ReplyEvent
}
