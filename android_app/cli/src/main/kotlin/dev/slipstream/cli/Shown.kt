package dev.slipstream.cli

import androidx.collection.IntList
import dev.slipstream.chat.Channel
import dev.slipstream.chat.SaidText
import dev.slipstream.chat.Splitter
import dev.slipstream.decode.StopReason

/**
 * Takes a reply's tokens and collects [thought] and [answer]; with [isPrinted] the answer goes to stdout as it comes, the
 * thought to stderr.
 */
internal class Shown(
    private val splitter: Splitter,
    private val isPrinted: Boolean,
) {
    private val thoughts = StringBuilder()
    private val answers = StringBuilder()
    private var isThinking = false
    val thought: String get() = thoughts.toString()
    val answer: String get() = answers.toString()

    /** [tokens] of a round; where it ended the turn with a stop token, that is not shown. */
    fun add(
        tokens: IntList,
        reason: StopReason?,
    ) {
        val visible = if (reason == StopReason.STOP_TOKEN) tokens.size - 1 else tokens.size
        for (i in 0 until visible) take(splitter.append(tokens[i]))
    }

    /** When no more tokens come. */
    fun finish() {
        take(splitter.finish())
        endThought()
    }

    private fun take(said: List<SaidText>) {
        for ((channel, text) in said) {
            if (channel == Channel.THOUGHT) {
                thoughts.append(text)
                if (isPrinted) think(text)
            } else {
                answers.append(text)
                endThought()
                if (isPrinted) print(text)
            }
        }
        if (isPrinted && said.isNotEmpty()) System.out.flush()
    }

    private fun think(text: String) {
        System.err.print(if (isThinking) text else "[thought] $text")
        System.err.flush()
        isThinking = true
    }

    private fun endThought() {
        if (isThinking) System.err.println()
        isThinking = false
    }
}
