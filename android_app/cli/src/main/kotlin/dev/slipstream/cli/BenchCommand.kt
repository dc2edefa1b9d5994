package dev.slipstream.cli

import androidx.collection.IntList
import androidx.collection.emptyIntSet
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.CallTimer
import dev.slipstream.trace.readTraces
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import java.util.Locale
import java.util.concurrent.Callable
import kotlin.math.roundToInt

@Command(
    name = "bench",
    description = ["plain against drafted decoding at each exported width, interleaved, on the golden traces' prompts"],
    mixinStandardHelpOptions = true,
)
internal class BenchCommand : Callable<Int> {
    @Mixin lateinit var options: BundleOptions

    @Mixin lateinit var threading: ThreadOptions

    override fun call(): Int {
        val timer = CallTimer()
        val table = threading.open(options.bundle, timer).use { measure(it, timer) }
        if (options.json) println(json(table)) else table.forEach { (name, row) -> println(line(name, row)) }
        return 0
    }

    private fun line(
        name: String,
        row: Map<String, Any?>,
    ): String {
        val (low, high) = (row["spread"] as List<*>).map { (it as Double).roundToInt() }
        val speed = String.format(Locale.ROOT, "%8.1f tokens/s ($low-$high)", row["tokens_per_second"])
        val ratio = String.format(Locale.ROOT, "x%.2f", row["ratio_to_plain"])
        val acceptance = row["acceptance_rate"]?.let { String.format(Locale.ROOT, "  acceptance %.3f", it) }.orEmpty()
        val share = 100 * row["outside_litert"] as Double
        val outside = String.format(Locale.ROOT, "%.1f %% outside LiteRT", share)
        return "${name.padStart(11)}  $speed  $ratio  $outside$acceptance"
    }
}

private const val NEW_TOKENS = 128
private const val MIN_TOKENS = 8
private const val REPEATS = 9

/** The first passes find code that the JVM has not compiled yet. */
private const val WARM_UP = 2

/** What the whole table may cost: a large model decodes fewer tokens of fewer prompts. */
private const val SECONDS = 120.0

/** A reply, and the share of its decoding that passed outside LiteRT's calls. */
private class Measured(
    val reply: Reply,
    val outside: Double,
)

/**
 * Per draft length: median tokens/s, spread (10th to 90th percentile), ratio to plain, acceptance, and the median share
 * of time outside LiteRT. [timer] is the runtime's.
 */
internal fun measure(
    runtime: BundleRuntime,
    timer: CallTimer,
): Map<String, Map<String, Any?>> {
    val lengths = ArrayList(listOf(0))
    if (runtime.drafter != null) runtime.target.verifyWidths.forEach { width -> if (width > 1) lengths.add(width - 1) }
    val all = prompts(runtime)
    val room = runtime.target.capacity - all.maxOf { it.size }
    val trial = measure(runtime, timer, all[0], 0, MIN_TOKENS).reply.tokensPerSecond
    val affordable = SECONDS * trial / (lengths.size * (REPEATS + WARM_UP))
    val prompts = if (affordable < MIN_TOKENS * all.size) all.take(1) else all
    val budget = (affordable / prompts.size).toInt().coerceIn(MIN_TOKENS, NEW_TOKENS).coerceAtMost(room)
    val repeats = if (affordable < MIN_TOKENS) 3 else REPEATS
    val replies = lengths.associateWith { ArrayList<Measured>() }
    repeat(repeats + WARM_UP) { pass ->
        for (prompt in prompts) {
            for (length in lengths) {
                val found = measure(runtime, timer, prompt, length, budget)
                if (pass >= WARM_UP) replies.getValue(length).add(found)
            }
        }
    }
    val plain = median(replies.getValue(0).map { it.reply.tokensPerSecond })
    return replies.entries.associate { (length, all) ->
        (if (length == 0) "plain" else "drafted_$length") to row(all, plain)
    }
}

private fun measure(
    runtime: BundleRuntime,
    timer: CallTimer,
    prompt: IntList,
    draftTokens: Int,
    budget: Int,
): Measured {
    var isFirst = true
    val reply =
        reply(runtime.session(draftTokens, emptyIntSet()), prompt, budget) { _, _ ->
            // The prefill is over: what follows is decoding.
            if (isFirst) timer.nanoseconds = 0
            isFirst = false
        }
    return Measured(reply, 1 - timer.nanoseconds * 1e-9 / reply.decodeSeconds)
}

private fun row(
    measured: List<Measured>,
    plain: Double,
): Map<String, Any?> {
    val replies = measured.map { it.reply }
    val speeds = replies.map(Reply::tokensPerSecond).sorted()
    val drafted = replies.sumOf { it.stats.drafted }
    val accepted = replies.sumOf { it.stats.accepted }
    val rounds = replies.sumOf { it.stats.rounds }
    return mapOf(
        "tokens_per_second" to rounded(median(speeds), 10.0),
        "spread" to
            listOf(speeds[speeds.size / 10], speeds[speeds.size - 1 - speeds.size / 10]).map { rounded(it, 10.0) },
        "ratio_to_plain" to rounded(median(speeds) / plain, 1e3),
        "outside_litert" to rounded(median(measured.map { it.outside }), 1e4),
        "acceptance_rate" to if (drafted == 0) null else rounded(accepted.toDouble() / drafted, 1e4),
        "mean_accepted_length" to if (rounds == 0) null else rounded((accepted + rounds).toDouble() / rounds, 1e3),
    )
}

/** The first turns of the bundle's golden traces: prompts that every device has at hand. */
private fun prompts(runtime: BundleRuntime): List<IntList> {
    val most = runtime.target.capacity / 2
    val found =
        runtime.bundle.traces().flatMap { (name, text) ->
            readTraces(text, name).map { it.header.turns[0].promptTokens }
        }
    return found.filter { it.size in 1..most }.ifEmpty { listOf(runtime.encode("")) }
}

private fun median(values: List<Double>): Double {
    val sorted = values.sorted()
    val middle = sorted.size / 2
    return if (sorted.size % 2 == 1) sorted[middle] else (sorted[middle - 1] + sorted[middle]) / 2
}

private fun rounded(
    value: Double,
    scale: Double,
): Double = Math.round(value * scale) / scale
