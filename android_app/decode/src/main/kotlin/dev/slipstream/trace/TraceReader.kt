package dev.slipstream.trace

import dev.slipstream.decode.DraftSource
import dev.slipstream.decode.Round
import dev.slipstream.decode.StopReason
import dev.slipstream.json.JsonException
import dev.slipstream.json.parseStrictJson

/**
 * The traces in [text], JSON Lines that may hold several. Any JSON layout is taken, but no missing, unknown or odd
 * field: TraceException names [where], the line and the field.
 */
public fun readTraces(
    text: String,
    where: String,
): List<Trace> {
    val found = ArrayList<Pair<TraceHeader, MutableList<Round>>>()
    text.lineSequence().filter(String::isNotEmpty).forEachIndexed { number, line ->
        val place = "$where, line ${number + 1}"
        val raw = parseLine(line, place)
        if (raw is Map<*, *> && "format" in raw) {
            found.add(readHeader(raw, place) to ArrayList())
        } else {
            val (header, rounds) = found.lastOrNull() ?: throw traceError("a header line first", "a round", place)
            val round = readRound(raw, header, place)
            if (round.index != rounds.size) throw traceError("index ${rounds.size}", "index ${round.index}", place)
            rounds.add(round)
        }
    }
    if (found.isEmpty()) throw traceError("at least one trace", "nothing", where)
    return found.map { (header, rounds) -> Trace(header, rounds) }
}

/** A header from its JSON object. */
internal fun readHeader(
    raw: Any?,
    where: String,
): TraceHeader {
    val fields = traceFields(raw, where)
    if (fields.text("format") != FORMAT) throw fields.wrong("format")
    if (fields.count("version") != VERSION) throw fields.wrong("version")
    val name = fields.text("name").ifEmpty { throw fields.wrong("name") }
    val capacity = fields.integer("capacity", 1)
    val verifyWidths = fields.tokens("verify_widths")
    val isAscending = (1 until verifyWidths.size).all { verifyWidths[it - 1] < verifyWidths[it] }
    if (verifyWidths.isEmpty() || verifyWidths[0] != 1 || !isAscending) throw fields.wrong("verify_widths")
    val header =
        TraceHeader(
            name,
            capacity,
            verifyWidths,
            fields.count("num_draft_tokens"),
            fields.tokens("stop_tokens"),
            fields.orNull("sampling")?.let { readSampling(it, "$where, sampling") },
            fields.flag("ngram"),
            fields.flag("exact_drafts"),
            fields.number("tolerance"),
            fields.list("turns").mapIndexed { i, turn -> readTurn(turn, "$where, turn $i") },
        )
    if (header.turns.isEmpty()) throw fields.wrong("turns")
    fields.end()
    return header
}

private fun readTurn(
    raw: Any?,
    where: String,
): Turn {
    val fields = traceFields(raw, where)
    val promptTokens = fields.tokens("prompt_tokens")
    val fromStart = fields.flag("from_start")
    val turn = Turn(promptTokens, fields.integer("max_new_tokens", 1), fields.countOrNull("cancel_at"), fromStart)
    fields.end()
    return turn
}

/** A round of the trace with [header] from its JSON object. */
internal fun readRound(
    raw: Any?,
    header: TraceHeader,
    where: String,
): Round {
    val fields = traceFields(raw, where)
    val round = Round()
    round.set(
        fields.count("index"),
        fields.count("position"),
        fields.integer("bonus_token", -1),
        fields.count("fills"),
        fields.tokens("draft_tokens"),
        draftSource(fields),
        fields.count("verify_width"),
        fields.tokens("target_tokens"),
        fields.count("num_accepted"),
        fields.tokens("emitted_tokens"),
        fields.count("cache_length"),
        stopReason(fields),
    )
    if ("margins" in fields) round.margins = fields.numbers("margins")
    fields.end()
    checkCounts(round, header.sampling != null, where)
    return round
}

private fun draftSource(fields: TraceFields): DraftSource? =
    fields.textOrNull("draft_source")?.let { name ->
        DraftSource.entries.find { it.traceName == name } ?: throw fields.wrong("draft_source")
    }

private fun stopReason(fields: TraceFields): StopReason? =
    fields.textOrNull("stop_reason")?.let { name ->
        StopReason.entries.find { it.traceName == name } ?: throw fields.wrong("stop_reason")
    }

private fun checkCounts(
    round: Round,
    isSampled: Boolean,
    where: String,
) {
    val drafted = round.draftTokens.size
    val scored = round.targetTokens.size
    // Drawn, the target says nothing behind the first token that is not the draft.
    val isWhole = scored == 0 || scored == drafted + 1
    if (!isWhole && !(isSampled && scored <= drafted)) {
        throw traceError("no target_tokens, or one more than draft_tokens", "$scored", where)
    }
    if ((round.draftSource == null) != (drafted == 0)) {
        throw traceError("a draft_source where there are draft_tokens", "${round.draftSource?.traceName}", where)
    }
    if (round.numAccepted > drafted) {
        throw traceError("num_accepted of at most $drafted", "${round.numAccepted}", where)
    }
    val margins = round.margins
    if (margins != null && margins.size != scored) throw traceError("$scored margins", "${margins.size}", where)
}

private fun parseLine(
    line: String,
    where: String,
): Any? =
    try {
        parseStrictJson(line)
    } catch (error: JsonException) {
        throw traceError("a line of JSON", "${line.take(60)} (${error.message})", where)
    }
