package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.emptyIntSet
import dev.slipstream.draft.Auto
import dev.slipstream.draft.Policy
import dev.slipstream.draft.Unmatched
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson
import dev.slipstream.sampling.Sampling
import dev.slipstream.trace.readSampling
import java.io.File
import kotlin.io.path.createTempDirectory

/**
 * Decodes prompts in every way of drafting, interleaved. Arguments: the bundle, a JSON file with the names of `ways`, `classes`
 * of prompts as tokens, `new_tokens`, `passes`, and `sampling` as trace headers have it, or null. Prints a line a reply: its
 * class and way, and then what `generate --json` says of it. Driven by tests/parity/bench_drafting.py.
 */
internal fun main(arguments: Array<String>) {
    val request = parseStrictJson(File(arguments[1]).readText()) as Map<*, *>
    val sampling = request["sampling"]?.let { readSampling(it, "sampling") } ?: Sampling.GREEDY
    val names = (request["ways"] as List<*>).map { it as String }
    val classes = (request["classes"] as Map<*, *>).mapValues { (_, prompts) -> (prompts as List<*>).map(::tokens) }
    val count = number(request["new_tokens"])
    val passes = number(request["passes"])
    // Packed in a file, as the app has them: packed in memory each graph has weights of its own.
    val folder = createTempDirectory("packed").toFile()
    try {
        val weights = PackedWeights(folder, limit = 0) { error(it) }
        withHeldLog { BundleRuntime(File(arguments[0]), weights = weights) }.use { runtime ->
            // The compiler's work belongs to none of the classes.
            repeat(WARM_UPS) { decode(runtime, classes.values.first(), names, count, 1, sampling) { _, _ -> } }
            for ((kind, prompts) in classes) {
                decode(runtime, prompts, names, count, passes, sampling) { name, reply ->
                    val fields = reply.fields("", "", sampling, probeSeconds = 0.0)
                    println("$kind\t$name\t${json(fields)}")
                }
            }
        }
    } finally {
        folder.deleteRecursively()
    }
}

private fun decode(
    runtime: BundleRuntime,
    prompts: List<IntList>,
    names: List<String>,
    count: Int,
    passes: Int,
    sampling: Sampling,
    found: (String, Reply) -> Unit,
) {
    val ways = names.associateWith { policy(runtime, it) }
    repeat(passes) { pass ->
        prompts.forEachIndexed { i, prompt ->
            for ((name, policy) in ways) {
                val drawn = sampling.copy(seed = (pass * prompts.size + i).toLong())
                val used = if (sampling.isGreedy) Sampling.GREEDY else drawn
                found(
                    name,
                    reply(runtime.session(stopTokens = emptyIntSet(), sampling = used, policy = policy), prompt, count),
                )
            }
        }
    }
}

/** "plain", "auto" or "N drafts", with ", n-grams" or without. */
private fun policy(
    runtime: BundleRuntime,
    name: String,
): Policy {
    val looksUp = name.endsWith(", n-grams")
    if (name == "plain") return runtime.fixedPolicy(0)
    if (!name.startsWith("auto")) return runtime.fixedPolicy(name.substringBefore(' ').toInt(), looksUp)
    val auto = Auto(runtime.target.verifyWidths, runtime.drafter != null)
    return if (looksUp) auto else Unmatched(auto)
}

private fun tokens(prompt: Any?): IntList =
    MutableIntList().apply {
        (prompt as List<*>).forEach { add(number(it)) }
    }

private const val WARM_UPS = 3

private fun number(value: Any?) = (value as JsonNumber).toDouble().toInt()
