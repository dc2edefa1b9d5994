package dev.slipstream.trace

import androidx.collection.IntList
import dev.slipstream.bundle.Bundle
import dev.slipstream.errors.TraceException

/**
 * The golden traces of [bundle], by the name they are packed under.
 *
 * TraceException where one breaks the format or has a token outside the vocabulary, and where there is none: a bundle
 * that can't be checked must not pass for one that was. BundleException where the section is damaged.
 */
public fun goldenTraces(bundle: Bundle): Map<String, List<Trace>> {
    val vocabSize = bundle.manifest.config.vocabSize
    val traces = bundle.traces().mapValues { (name, text) -> readTraces(text, name) }
    traces.forEach { (name, found) -> found.forEach { checkTokens(it, vocabSize, name) } }
    if (traces.isNotEmpty()) return traces
    throw TraceException(
        "The bundle has no golden trace",
        expected = "at least one trace to replay",
        found = "none",
        where = "${bundle.path}, section traces",
        action = "Export the bundle again: it records them.",
    )
}

private fun checkTokens(
    trace: Trace,
    vocabSize: Int,
    where: String,
) {
    fun check(
        field: String,
        tokens: IntList,
    ) {
        tokens.forEach { token ->
            if (token >= vocabSize) throw traceError("tokens below $vocabSize in $field", "$token", where)
        }
    }
    check("stop_tokens", trace.header.stopTokens)
    for (turn in trace.header.turns) check("prompt_tokens", turn.promptTokens)
    for (round in trace.rounds) {
        check("draft_tokens", round.draftTokens)
        check("target_tokens", round.targetTokens)
        check("emitted_tokens", round.emittedTokens)
        if (round.bonusToken >= vocabSize) {
            throw traceError("a bonus_token below $vocabSize", "${round.bonusToken}", where)
        }
    }
}
