package dev.slipstream.app.chat

import dev.slipstream.json.JsonException
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson

private const val RUN_SIZE = 3

/** [runs] as JSON: a list of end, tokens and 1 for accepted drafts each. */
internal fun runsToJson(runs: List<Run>): String =
    json(runs.map { listOf(it.end, it.tokens, if (it.accepted) 1 else 0) })

/** What [runsToJson] wrote; JsonException for another text. */
internal fun runsOf(json: String): List<Run> = runsOf(parseStrictJson(json))

/** The same of what was parsed. */
internal fun runsOf(raw: Any?): List<Run> = typed<List<*>>(raw).map(::run)

private fun run(raw: Any?): Run {
    val numbers = typed<List<*>>(raw).map { typed<JsonNumber>(it).toIntOrNull() ?: throw JsonException("$it") }
    if (numbers.size != RUN_SIZE) throw JsonException("no run: $raw")
    return Run(numbers[0], numbers[1], numbers[2] == 1)
}

internal inline fun <reified T> typed(raw: Any?): T = raw as? T ?: throw JsonException("no ${T::class}: $raw")
