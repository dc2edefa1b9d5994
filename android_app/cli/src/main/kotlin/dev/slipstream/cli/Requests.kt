package dev.slipstream.cli

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.emptyIntSet
import dev.slipstream.errors.UsageException
import dev.slipstream.json.JsonException
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.reply
import dev.slipstream.sampling.Sampling
import java.io.BufferedReader
import java.io.PrintStream

/**
 * Decodes one request a line until the input ends, each in a conversation of its own, and answers each with the object
 * of `generate --json`: for tools that ask many things of one process.
 *
 * A request is `{"prompt_tokens":[…],"max_new_tokens":N,"draft_tokens":N,"stop":true}`; with `stop` false the bundle's
 * stop tokens are tokens like others.
 */
internal fun serve(
    runtime: BundleRuntime,
    input: BufferedReader,
    output: PrintStream,
) {
    for (line in input.lineSequence()) {
        val request = Request.read(line)
        val stops = if (request.stop) null else emptyIntSet()
        val shown = Shown(runtime.splitter(), isPrinted = false)
        val session = runtime.session(request.draftTokens, stops)
        val reply = reply(session, request.promptTokens, request.maxNewTokens, onTokens = shown::add)
        shown.finish()
        output.println(json(reply.fields(shown.thought, shown.answer, Sampling.GREEDY, 0.0)))
        output.flush()
    }
}

private class Request(
    val promptTokens: IntList,
    val maxNewTokens: Int,
    val draftTokens: Int,
    val stop: Boolean,
) {
    companion object {
        fun read(line: String): Request {
            val raw =
                try {
                    parseStrictJson(line) as? Map<*, *>
                } catch (_: JsonException) {
                    null
                } ?: throw invalid(line)
            val tokens = MutableIntList()
            for (token in raw["prompt_tokens"] as? List<*> ?: throw invalid(line)) tokens.add(count(token, line))
            return Request(
                tokens,
                count(raw["max_new_tokens"], line),
                count(raw["draft_tokens"], line),
                raw["stop"] as? Boolean ?: throw invalid(line),
            )
        }

        private fun count(
            value: Any?,
            line: String,
        ): Int = (value as? JsonNumber)?.toIntOrNull()?.takeIf { it >= 0 } ?: throw invalid(line)

        private fun invalid(line: String) =
            UsageException(
                "A request breaks its format",
                expected = "prompt_tokens, max_new_tokens, draft_tokens and stop in a JSON object",
                found = line.take(80),
                where = "--requests, stdin",
                action = "Write one object a line.",
            )
    }
}
