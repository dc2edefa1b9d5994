package dev.slipstream.chat

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.bundle.Tokens
import dev.slipstream.tokenizer.BundleTokenizer
import dev.slipstream.tokenizer.utf8Size

/** A bundle's chat format over its tokenizer: conversations to ids, replies to thought and answer (CHAT.md). */
public class Chat(
    public val format: ChatFormat,
    private val control: ControlTokens,
    private val tokens: Tokens,
    private val tokenizer: BundleTokenizer,
) {
    /**
     * The ids of all that is said, up to where the model is to reply: the prompt of a turn from the start.
     *
     * UsageException for a conversation that the template has no text for; else throws as [BundleTokenizer.encode].
     */
    public fun context(
        messages: List<Message>,
        thinking: Boolean = false,
    ): IntList {
        val given = parts(format, messages, thinking)
        tokenizer.checkSize(given.sumOf { utf8Size(it.text) })
        return encode(given, tokens.bos, control.byText) { tokenizer.encode(it, asText = control.ids) }
    }

    /** The ids of [text] that was said; a control token that is spelt out in it stays text. Throws as [context]. */
    public fun encode(text: String): IntList = tokenizer.encode(text, asText = control.ids)

    /** What [context] encodes, as the template writes it; throws as that does. */
    public fun text(
        messages: List<Message>,
        thinking: Boolean = false,
    ): String = rendered(format, messages, thinking)

    /** For the tokens of one reply, as they come. */
    public fun splitter(thinking: Boolean = false): Splitter =
        Splitter(format.thoughts, format.reply(thinking), control.texts) { tokenizer.tokenizer.streamingDetokenizer() }

    /** What the model said with [tokens], as a message of the conversation. */
    public fun message(
        tokens: IntList,
        thinking: Boolean = false,
    ): Message {
        val ends = tokens.isNotEmpty() && tokens.last() in this.tokens.stop
        return splitter(thinking).message(tokens.from(0, if (ends) tokens.size - 1 else tokens.size))
    }
}

/** What the model said with [tokens], without a stop token, as a message. For a splitter that has taken none before. */
public fun Splitter.message(tokens: IntList): Message {
    val said = append(tokens) + finish()
    val answerTokens = answerBegin?.let { tokens.from(it, tokens.size) }
    return Message(MODEL, said.of(Channel.ANSWER), said.of(Channel.THOUGHT), tokens, answerTokens)
}

/** All that was said in [channel]. */
public fun List<SaidText>.of(channel: Channel): String = filter { it.channel == channel }.joinToString("") { it.text }

private fun IntList.from(
    begin: Int,
    end: Int,
): IntList = MutableIntList(end - begin).also { list -> for (i in begin until end) list.add(this[i]) }
