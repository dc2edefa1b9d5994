package dev.slipstream.trace

import androidx.collection.IntList
import dev.slipstream.decode.Round
import dev.slipstream.json.quoted
import dev.slipstream.sampling.Sampling
import java.math.BigDecimal
import java.math.RoundingMode

internal const val FORMAT = "slipstream-trace"
internal const val VERSION = 2

/** The one line, without its newline, that stands for a round. */
public fun roundLine(round: Round): String =
    buildString {
        append("{\"index\":").append(round.index)
        append(",\"position\":").append(round.position)
        append(",\"bonus_token\":").append(round.bonusToken)
        append(",\"fills\":").append(round.fills)
        append(",\"draft_tokens\":").appendIntegers(round.draftTokens)
        append(",\"draft_source\":").append(round.draftSource?.let { "\"${it.traceName}\"" } ?: "null")
        append(",\"verify_width\":").append(round.verifyWidth)
        append(",\"target_tokens\":").appendIntegers(round.targetTokens)
        append(",\"num_accepted\":").append(round.numAccepted)
        append(",\"emitted_tokens\":").appendIntegers(round.emittedTokens)
        append(",\"cache_length\":").append(round.cacheLength)
        append(",\"stop_reason\":").append(round.stopReason?.let { "\"${it.traceName}\"" } ?: "null")
        round.margins?.let { margins -> append(margins.joinToString(",", ",\"margins\":[", "]") { decimal(it) }) }
        append('}')
    }

/** The one line, without its newline, that stands for a header. */
public fun headerLine(header: TraceHeader): String =
    buildString {
        append("{\"format\":\"$FORMAT\",\"version\":$VERSION,\"name\":").append(quoted(header.name))
        append(",\"capacity\":").append(header.capacity)
        append(",\"verify_widths\":").appendIntegers(header.verifyWidths)
        append(",\"num_draft_tokens\":").append(header.numDraftTokens)
        append(",\"stop_tokens\":").appendIntegers(header.stopTokens)
        append(",\"sampling\":").append(header.sampling?.let(::samplingText) ?: "null")
        append(",\"ngram\":").append(header.ngram)
        append(",\"exact_drafts\":").append(header.exactDrafts)
        append(",\"tolerance\":").append(decimal(header.tolerance))
        append(",\"turns\":[").append(header.turns.joinToString(",", transform = ::turnText)).append("]}")
    }

/** TraceException for a number that six digits do not hold. */
private fun samplingText(sampling: Sampling): String =
    buildString {
        append("{\"temperature\":").append(exactDecimal("temperature", sampling.temperature))
        append(",\"top_k\":").append(sampling.topK)
        append(",\"top_p\":").append(exactDecimal("top_p", sampling.topP))
        append(",\"min_p\":").append(exactDecimal("min_p", sampling.minP))
        append(",\"repetition_penalty\":").append(exactDecimal("repetition_penalty", sampling.repetitionPenalty))
        append(",\"repetition_window\":").append(sampling.repetitionWindow)
        append(",\"seed\":").append(sampling.seed)
        append(",\"drafts\":\"").append(sampling.drafts.specName).append("\"}")
    }

private fun exactDecimal(
    name: String,
    value: Double,
): String {
    val text = decimal(value)
    if (text.toDouble() == value) return text
    throw traceError("$name of at most six digits after the point", "$value", "sampling")
}

internal fun turnText(turn: Turn): String =
    buildString {
        append("{\"prompt_tokens\":").appendIntegers(turn.promptTokens)
        append(",\"from_start\":").append(turn.fromStart)
        append(",\"max_new_tokens\":").append(turn.maxNewTokens)
        append(",\"cancel_at\":").append(turn.cancelAt).append('}')
    }

/** A whole trace, header first, every line ended by a newline. */
public fun traceText(trace: Trace): String =
    buildString {
        append(headerLine(trace.header)).append('\n')
        for (round in trace.rounds) append(roundLine(round)).append('\n')
    }

internal fun StringBuilder.appendIntegers(values: IntList): StringBuilder {
    append('[')
    for (i in values.indices) {
        if (i > 0) append(',')
        append(values[i])
    }
    return append(']')
}

/** Six digits after the point, the exact binary value rounded to even: the same text in every language. */
internal fun decimal(value: Double): String = BigDecimal(value).setScale(6, RoundingMode.HALF_EVEN).toPlainString()
