package dev.slipstream.trace

import dev.slipstream.errors.UsageException
import dev.slipstream.sampling.DraftChoice
import dev.slipstream.sampling.Sampling

/** Sampling from its JSON object, as a header has it. TraceException names [where] and the parameter that is wrong. */
public fun readSampling(
    raw: Any?,
    where: String,
): Sampling {
    val fields = traceFields(raw, where)
    val found =
        try {
            Sampling(
                fields.number("temperature"),
                fields.count("top_k"),
                fields.number("top_p"),
                fields.number("min_p"),
                fields.number("repetition_penalty"),
                fields.count("repetition_window"),
                fields.long("seed"),
                fields.text("drafts").let { name ->
                    DraftChoice.entries.find { it.specName == name } ?: throw fields.wrong("drafts")
                },
            )
        } catch (error: UsageException) {
            throw traceError("${error.expected} in ${error.where}", error.found, where)
        }
    fields.end()
    return found
}
