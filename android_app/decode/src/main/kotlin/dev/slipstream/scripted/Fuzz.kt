package dev.slipstream.scripted

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.intListOf
import dev.slipstream.decode.Session
import dev.slipstream.errors.PromptTooLongException
import dev.slipstream.errors.UsageException
import dev.slipstream.sampling.DraftChoice
import dev.slipstream.sampling.GOLDEN_GAMMA
import dev.slipstream.sampling.Sampling
import dev.slipstream.sampling.splitmix
import dev.slipstream.trace.TraceHeader
import dev.slipstream.trace.Turn
import dev.slipstream.trace.appendIntegers
import dev.slipstream.trace.headerLine
import dev.slipstream.trace.newSession
import dev.slipstream.trace.playTurn
import dev.slipstream.trace.roundLine
import java.security.MessageDigest

// Ten thousand conversations drawn from their number, folded into one SHA-256 that every language must print.

/** How many scenarios the digest is made of. */
public const val FUZZ_COUNT: Int = 10_000

private val WIDTH_SETS: List<IntList> =
    listOf(
        intListOf(1),
        intListOf(1, 2),
        intListOf(1, 3),
        intListOf(1, 5),
        intListOf(1, 3, 5),
        intListOf(1, 2, 3, 4, 5, 6, 7, 8),
        intListOf(1, 4, 8),
        intListOf(1, 2, 4, 8, 16),
    )

private val TEMPERATURES = listOf(0.0, 0.25, 0.5, 0.7, 1.0, 1.0, 1.3, 2.0)
private val TOP_KS = listOf(0, 0, 1, 2, 5, 64)
private val TOP_PS = listOf(1.0, 1.0, 0.95, 0.9, 0.5, 0.1)
private val MIN_PS = listOf(0.0, 0.0, 0.0, 0.02, 0.1, 0.5)
private val PENALTIES = listOf(1.0, 1.0, 1.1, 1.3, 0.8, 2.0)
private val WINDOWS = listOf(0, 1, 4, 16, 64)
private const val TWO_TO_31 = 1L shl 31

/** SplitMix64 as a stream of small numbers. */
internal class Draws(
    private var state: Long,
) {
    /** The next number in 0..bound-1. */
    fun below(bound: Int): Int = below(bound.toLong()).toInt()

    /** The same for a larger bound, 2^31 at most. */
    fun below(bound: Long): Long {
        val value = splitmix(state)
        state += GOLDEN_GAMMA
        return (value ushr 33) % bound
    }
}

/** Scenario [number]. The order of the draws is part of the format: TRACES.md lists it. */
internal fun scenario(number: Int): Pair<TraceHeader, Script> {
    val draws = Draws(number.toLong())
    // Texts of few tokens repeat themselves, and by chance go on as they did before.
    val ngram = draws.below(3) == 0
    val vocab = if (ngram) 2 + draws.below(4) else 5 + draws.below(60)
    val numDraftTokens = draws.below(8)
    val verifyWidths = WIDTH_SETS[draws.below(WIDTH_SETS.size)]
    val stopTokens = MutableIntList()
    for (token in 0 until draws.below(3)) stopTokens.add(token)
    var drafter: DrafterScript? = null
    if (draws.below(8) > 0) {
        val hitPercent = draws.below(101)
        val fewerPercent = if (draws.below(4) == 0) draws.below(50) else 0
        drafter = DrafterScript(number + 1_000_000L, hitPercent, fewerPercent)
    }
    val first = drawTurn(draws, vocab, intListOf())
    val turns = listOf(first) + List(draws.below(4)) { drawTurn(draws, vocab, first.promptTokens) }
    val capacity = maxOf(1, first.promptTokens.size - 1 + draws.below(60))
    val fillLength = draws.below(6)
    val sampling = if (draws.below(4) == 0) drawSampling(draws) else null
    val header =
        TraceHeader(
            "fuzz_$number",
            capacity,
            verifyWidths,
            numDraftTokens,
            stopTokens,
            sampling,
            ngram,
            exactDrafts = true,
            tolerance = 0.0,
            turns,
        )
    return header to Script(number.toLong(), vocab, fillLength, drafter)
}

/**
 * A turn after one with the prompt [first]; none is the first turn itself. Later ones may be empty, which means going on,
 * or start again with part of [first], which the cache holds unless the first turn was refused or cancelled.
 */
internal fun drawTurn(
    draws: Draws,
    vocab: Int,
    first: IntList,
): Turn {
    val length = if (first.isEmpty()) 1 + draws.below(12) else draws.below(6)
    val fromStart = first.isNotEmpty() && draws.below(3) == 0
    val promptTokens = MutableIntList()
    if (fromStart) for (i in 0 until draws.below(first.size + 1)) promptTokens.add(first[i])
    repeat(length) { promptTokens.add(draws.below(vocab)) }
    val maxNewTokens = 1 + draws.below(24)
    val cancelAt = if (draws.below(4) == 0) draws.below(16) else null
    return Turn(promptTokens, maxNewTokens, cancelAt, fromStart)
}

/** Parameters that are off as often as not, and bite where they are not. */
internal fun drawSampling(draws: Draws): Sampling {
    fun <T> entry(choices: List<T>): T = choices[draws.below(choices.size)]
    return Sampling(
        entry(TEMPERATURES),
        entry(TOP_KS),
        entry(TOP_PS),
        entry(MIN_PS),
        entry(PENALTIES),
        entry(WINDOWS),
        (draws.below(TWO_TO_31) shl 32) + draws.below(TWO_TO_31),
        entry(DraftChoice.entries),
    )
}

/** Hands [line] one for every round of all turns, or one that says why a turn was refused; then the next turn follows. */
internal fun play(
    session: Session,
    turns: List<Turn>,
    line: (String) -> Unit,
) {
    for (turn in turns) {
        try {
            for (round in playTurn(session, turn)) line(roundLine(round))
        } catch (_: PromptTooLongException) {
            line("{\"refused\":\"prompt_too_long\"}")
        } catch (_: UsageException) {
            line("{\"refused\":\"nothing_to_decode\"}")
        }
    }
}

/** What scenario [number] adds to the digest: header, script, then a line for every round or refused turn. */
internal fun scenarioLines(
    number: Int,
    line: (String) -> Unit,
) {
    val (header, script) = scenario(number)
    val (target, drafter) = scriptedPair(script, header.capacity, header.verifyWidths, header.sampling)
    line(headerLine(header))
    line(scriptLine(script))
    play(newSession(header, target, drafter), header.turns, line)
}

/** A script as canonical JSON. Slots of `logits` are written in ascending order. */
internal fun scriptLine(script: Script): String =
    buildString {
        append("{\"seed\":")
            .append(script.seed)
            .append(",\"vocab\":")
            .append(script.vocab)
            .append(",\"fill_length\":")
            .append(script.fillLength)
            .append(",\"drafter\":")
        val drafter = script.drafter
        if (drafter == null) {
            append("null")
        } else {
            append("{\"seed\":").append(drafter.seed).append(",\"hit_percent\":").append(drafter.hitPercent)
            append(",\"fewer_percent\":").append(drafter.fewerPercent).append('}')
        }
        append(",\"logits\":{")
        script.logits.toSortedMap().entries.forEachIndexed { i, (slot, row) ->
            append(if (i == 0) "\"" else ",\"").append(slot).append("\":").appendIntegers(row)
        }
        append("}}")
    }

/** SHA-256 over the lines of scenarios 0..count-1, each line followed by a newline, as 64 hex characters. */
public fun digest(count: Int = FUZZ_COUNT): String {
    val sha = MessageDigest.getInstance("SHA-256")
    for (number in 0 until count) {
        scenarioLines(number) { line -> sha.update("$line\n".toByteArray(Charsets.US_ASCII)) }
    }
    return sha.digest().joinToString("") { "%02x".format(it) }
}
