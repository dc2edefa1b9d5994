package dev.slipstream.chat

import androidx.collection.IntList
import androidx.collection.IntObjectMap

/**
 * A reply's tokens as they come, to thought and answer (CHAT.md, Replies). For one reply.
 *
 * [openedBy] is the text that opened the reply, [control] are the texts of the control tokens by id, [stream] makes what
 * decodes a run of others.
 */
public class Splitter internal constructor(
    thoughts: Thoughts?,
    openedBy: String,
    private val control: IntObjectMap<String>,
    private val stream: () -> TextSource,
) {
    private val start = thoughts?.let { delimiter(it.start) }
    private val end = thoughts?.let { delimiter(it.end) }
    private var source = stream()
    private var held = ""
    private var toDrop = ""
    private var count = 0
    private var channel = Channel.ANSWER

    /** Where the answer's tokens begin among all tokens; null where no token parts it from the thought. */
    public var answerBegin: Int? = 0
        private set

    init {
        if (thoughts != null && openedBy.lastIndexOf(thoughts.start) > openedBy.lastIndexOf(thoughts.end)) {
            channel = Channel.THOUGHT
        }
    }

    /** What [token] completes. */
    public fun append(token: Int): List<SaidText> {
        count++
        if (token !in control) return joined(split(source.append(token)))
        val found = flush()
        when (token) {
            start?.token -> enter(Channel.THOUGHT, start.rest)
            end?.token -> enter(Channel.ANSWER, end.rest)
        }
        return joined(found)
    }

    /** What [tokens] complete. */
    public fun append(tokens: IntList): List<SaidText> {
        val found = ArrayList<SaidText>()
        tokens.forEach { found.addAll(append(it)) }
        return joined(found)
    }

    /** What is held back when no more tokens come. */
    public fun finish(): List<SaidText> = joined(flush())

    private fun enter(
        channel: Channel,
        rest: String,
    ) {
        this.channel = channel
        toDrop = rest
        if (channel == Channel.ANSWER) answerBegin = if (end?.token != null && rest.isEmpty()) count else null
    }

    private fun flush(): List<SaidText> {
        val found = split(source.finish()) + SaidText(channel, held)
        held = ""
        toDrop = ""
        source = stream()
        return found
    }

    private fun split(text: String): List<SaidText> {
        held += text
        val found = ArrayList<SaidText>()
        while (dropped()) {
            val wanted = if (channel == Channel.ANSWER) start else end
            val spelled = wanted?.takeIf { it.token == null }?.rest
            val at = if (spelled == null) -1 else held.indexOf(spelled)
            if (spelled == null || at < 0) {
                val kept = if (spelled == null) 0 else couldBegin(held, spelled)
                found.add(SaidText(channel, held.dropLast(kept)))
                held = held.takeLast(kept)
                break
            }
            found.add(SaidText(channel, held.take(at)))
            held = held.substring(at + spelled.length)
            enter(if (channel == Channel.ANSWER) Channel.THOUGHT else Channel.ANSWER, "")
        }
        return found
    }

    /** Takes the rest of a delimiter off the text behind its control token; false while it may still come. */
    private fun dropped(): Boolean {
        if (toDrop.isEmpty()) return true
        if (held.startsWith(toDrop)) {
            held = held.substring(toDrop.length)
        } else if (toDrop.startsWith(held)) {
            return false
        }
        toDrop = ""
        return true
    }

    /** [token]: the control token that a delimiter begins with, or null; [rest]: the text behind that. */
    private class Delimiter(
        val token: Int?,
        val rest: String,
    )

    private fun delimiter(text: String): Delimiter {
        var token: Int? = null
        var length = 0
        control.forEach { id, spelled ->
            if (spelled.length > length && text.startsWith(spelled)) {
                token = id
                length = spelled.length
            }
        }
        return Delimiter(token, text.substring(length))
    }
}

/** The longest end of [text] that [wanted] begins with, not all of it. */
private fun couldBegin(
    text: String,
    wanted: String,
): Int = (minOf(text.length, wanted.length - 1) downTo 0).first { text.endsWith(wanted.take(it)) }

private fun joined(found: List<SaidText>): List<SaidText> {
    val joined = ArrayList<SaidText>()
    for (said in found) {
        val last = joined.lastOrNull()
        if (last?.channel == said.channel) {
            joined[joined.lastIndex] = SaidText(last.channel, last.text + said.text)
        } else if (said.text.isNotEmpty()) {
            joined.add(said)
        }
    }
    return joined
}
