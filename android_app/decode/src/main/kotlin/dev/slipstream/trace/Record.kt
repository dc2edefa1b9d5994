package dev.slipstream.trace

import androidx.collection.MutableIntSet
import dev.slipstream.decode.DecodeConfig
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.MarginTarget
import dev.slipstream.decode.Round
import dev.slipstream.decode.Session
import dev.slipstream.decode.Target
import dev.slipstream.decode.never
import dev.slipstream.draft.Fixed
import dev.slipstream.draft.GoesOn
import dev.slipstream.draft.Proposer

// Making a trace: a session played as its header says.

internal fun newSession(
    header: TraceHeader,
    target: Target,
    drafter: Drafter?,
): Session {
    val stopTokens = MutableIntSet()
    header.stopTokens.forEach { stopTokens.add(it) }
    val config = DecodeConfig(header.numDraftTokens, stopTokens)
    if (!header.ngram) return Session(target, drafter, config)
    // A match in the text goes before the drafter.
    val model = drafter?.let { model -> { _: GoesOn -> model } }
    return Session(target, Proposer(Fixed(header.numDraftTokens, ngrams = true), header.capacity, model), config)
}

/** The rounds of one turn, cancelled when its cancelAt says so. */
internal fun playTurn(
    session: Session,
    turn: Turn,
): Sequence<Round> =
    session.turn(turn.promptTokens, turn.maxNewTokens, cancelAfter(turn.cancelAt), fromStart = turn.fromStart)

/** A `cancelled` that says no [cancelAt] times and yes from then on (null: always no). */
internal fun cancelAfter(cancelAt: Int?): () -> Boolean {
    if (cancelAt == null) return never
    var asked = 0
    return { asked++ >= cancelAt }
}

/** All rounds of all turns, without margins. */
public fun record(
    header: TraceHeader,
    target: Target,
    drafter: Drafter?,
): List<Round> {
    val session = newSession(header, target, drafter)
    return header.turns.flatMap { turn -> playTurn(session, turn).map(Round::copy) }
}

/** All rounds of all turns, each with the margin of every target token: a golden trace. */
public fun recordWithMargins(
    header: TraceHeader,
    target: MarginTarget,
    drafter: Drafter?,
): List<Round> {
    val session = newSession(header, target, drafter)
    return header.turns.flatMap { turn ->
        playTurn(session, turn).map { round ->
            round.copy().also { it.margins = if (round.targetTokens.isEmpty()) emptyList() else target.margins() }
        }
    }
}
