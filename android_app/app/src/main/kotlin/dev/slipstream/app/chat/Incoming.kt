package dev.slipstream.app.chat

import dev.slipstream.ReplyEvent
import dev.slipstream.ReplyFigures

/** A reply as it comes, from [begun] on where that goes on. Written by who collects it, read when it is shown or stored. */
internal class Incoming(
    begun: Message?,
) {
    val growing = Growing(begun)

    @Volatile
    var figures: ReplyFigures? = null
        private set

    @Volatile
    var reading: ReplyEvent.Prefill? = null
        private set

    /** So many messages leave the context for it. */
    @Volatile
    var trimmed = 0
        private set

    fun add(event: ReplyEvent) {
        // One more pass, of the last token alone, is nothing to wait for.
        reading = (event as? ReplyEvent.Prefill)?.takeIf { it.done < it.total - 1 }
        when (event) {
            is ReplyEvent.Trimmed -> trimmed = event.turns
            is ReplyEvent.Resumed -> growing.cut(event.thought.length, event.text.length)
            is ReplyEvent.Thought -> growing.add(event)
            is ReplyEvent.Text -> growing.add(event)
            is ReplyEvent.Round -> figures = event.figures
            else -> Unit
        }
    }

    /** Null before it has said anything. */
    fun message(): Message? = growing.message().takeIf { it.text.isNotEmpty() || it.thought.isNotEmpty() }
}
