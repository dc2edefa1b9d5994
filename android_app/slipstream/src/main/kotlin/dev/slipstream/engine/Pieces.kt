package dev.slipstream.engine

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.ReplyEvent
import dev.slipstream.chat.Channel
import dev.slipstream.chat.SaidText
import dev.slipstream.chat.Splitter
import dev.slipstream.decode.DraftSource
import dev.slipstream.decode.Round
import dev.slipstream.decode.StopReason

/** A reply's text, round by round: what each token completes, and where that token came from. */
internal class Pieces(
    private val splitter: Splitter,
) {
    fun of(round: Round): List<ReplyEvent> {
        val tokens = round.visibleTokens()
        val pieces = ArrayList<ReplyEvent>()
        for (i in 0 until tokens.size) {
            val source = round.draftSource.takeIf { i < round.numAccepted }
            splitter.append(tokens[i]).mapTo(pieces) { piece(it, source) }
        }
        if (round.stopReason != null) splitter.finish().mapTo(pieces) { piece(it, source = null) }
        return pieces
    }

    private fun piece(
        said: SaidText,
        source: DraftSource?,
    ): ReplyEvent =
        when (said.channel) {
            Channel.THOUGHT -> ReplyEvent.Thought(said.text, source)
            Channel.ANSWER -> ReplyEvent.Text(said.text, source)
        }
}

/** What was emitted, without the stop token that ended the turn. */
internal fun Round.visibleTokens(): IntList {
    val count = if (stopReason == StopReason.STOP_TOKEN) emittedTokens.size - 1 else emittedTokens.size
    return MutableIntList(count).also { list -> for (i in 0 until count) list.add(emittedTokens[i]) }
}
