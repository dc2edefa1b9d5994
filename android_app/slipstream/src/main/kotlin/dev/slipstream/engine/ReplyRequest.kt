package dev.slipstream.engine

import dev.slipstream.ReplyOptions
import dev.slipstream.chat.MODEL
import dev.slipstream.chat.Message

/**
 * All that was said so far: the reply to it is asked for, or with a reply at its end, how that goes on.
 *
 * [isChat]: the bundle's chat template stands around it; otherwise the messages are one text.
 */
public class ReplyRequest(
    public val messages: List<Message>,
    public val isChat: Boolean,
    public val options: ReplyOptions,
) {
    /** The reply that goes on. */
    public val begun: Message? get() = messages.lastOrNull()?.takeIf { it.role == MODEL }
}
