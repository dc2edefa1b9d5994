package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.emptyIntSet
import dev.slipstream.decode.DecodeStats
import dev.slipstream.decode.StopReason
import dev.slipstream.decode.never
import dev.slipstream.draft.Auto
import dev.slipstream.draft.Policy
import dev.slipstream.trace.goldenTraces

/**
 * Per way of drafting ("plain", "drafted_N", "auto"): median tokens/s, spread (10th to 90th percentile), acceptance, mean
 * accepted length, and the ratio to plain: the median of ratios of replies that were measured one after the other, which what
 * slows a device for longer slows alike. With the runtime's own [timer] also the share of time outside LiteRT's calls.
 *
 * [cancelled] is asked before each step; the replies that ended by then are the answer, or nothing.
 */
public fun measure(
    runtime: BundleRuntime,
    effort: BenchEffort = BenchEffort(),
    timer: CallTimer? = null,
    cancelled: () -> Boolean = never,
): Map<String, Map<String, Any?>> {
    val prompts = benchPrompts(runtime).take(effort.prompts)
    val ways = benchWays(runtime)
    val budget = minOf(effort.newTokens, runtime.target.capacity - prompts.maxOf { it.size })
    val replies = ways.mapValues { ArrayList<Measured>() }
    // The first passes find code that the JVM has not compiled yet.
    repeat(effort.repeats + effort.warmUps) { pass ->
        for (prompt in prompts) {
            for ((name, policy) in ways) {
                val found = measure(runtime, prompt, policy, budget, timer, cancelled)
                if (found.reply.stopReason == StopReason.CANCELLED) {
                    return table(replies.filterValues { it.isNotEmpty() })
                }
                if (pass >= effort.warmUps) replies.getValue(name).add(found)
            }
        }
    }
    return table(replies)
}

/** A reply, and the share of its decoding that passed outside LiteRT's calls. */
private class Measured(
    val reply: Reply,
    val outside: Double?,
)

private fun measure(
    runtime: BundleRuntime,
    prompt: IntList,
    policy: Policy,
    budget: Int,
    timer: CallTimer?,
    cancelled: () -> Boolean,
): Measured {
    var isFirst = true
    val session = runtime.session(stopTokens = emptyIntSet(), policy = policy)
    val reply =
        reply(session, prompt, budget, cancelled = cancelled) { _, _ ->
            // The prefill is over: what follows is decoding.
            if (isFirst) timer?.nanoseconds = 0
            isFirst = false
        }
    return Measured(reply, timer?.let { 1 - it.nanoseconds * 1e-9 / reply.decodeSeconds })
}

/** Draft lengths that fill an exported width, 0 first, which is plain decoding. */
public fun draftLengths(runtime: BundleRuntime): List<Int> {
    val lengths = ArrayList<Int>()
    runtime.target.verifyWidths.forEach { width -> lengths.add(width - 1) }
    return lengths
}

/**
 * How a bundle can decode, by name: plain, each draft length, and automatically, which begins knowing nothing and also
 * looks n-grams up.
 */
internal fun benchWays(runtime: BundleRuntime): Map<String, Policy> {
    val ways = LinkedHashMap<String, Policy>()
    for (length in draftLengths(runtime)) {
        ways[if (length == 0) PLAIN else "drafted_$length"] = runtime.fixedPolicy(length)
    }
    if (ways.size > 1) ways["auto"] = Auto(runtime.target.verifyWidths, runtime.drafter != null)
    return ways
}

/**
 * What fits into [seconds] on this device, as a first plain reply of a few tokens shows; the least where that was
 * [cancelled].
 */
public fun benchEffort(
    runtime: BundleRuntime,
    seconds: Double,
    cancelled: () -> Boolean = never,
): BenchEffort {
    val prompts = benchPrompts(runtime).size
    val session = runtime.session(0, emptyIntSet())
    val trial = reply(session, benchPrompts(runtime).first(), TRIAL_TOKENS, cancelled = cancelled)
    val affordable = (trial.tokensPerSecond * seconds / benchWays(runtime).size).toInt()
    val newTokens = (affordable / (2 * prompts)).coerceIn(TRIAL_TOKENS, NEW_TOKENS)
    val passes = affordable / (prompts * newTokens)
    if (passes >= 2) return BenchEffort(minOf(passes - 1, REPEATS), warmUps = 1, newTokens)
    return BenchEffort(repeats = 1, warmUps = 0, newTokens, prompts = maxOf(1, affordable / newTokens))
}

private fun table(replies: Map<String, List<Measured>>): Map<String, Map<String, Any?>> {
    val plain = replies[PLAIN] ?: return emptyMap()
    return replies.mapValues { (_, all) -> row(all, plain) }
}

private fun row(
    measured: List<Measured>,
    plain: List<Measured>,
): Map<String, Any?> {
    val replies = measured.map { it.reply }
    val outside = measured.mapNotNull { it.outside }
    val speeds = replies.map(Reply::tokensPerSecond).sorted()
    val ratios = measured.zip(plain) { one, base -> one.reply.tokensPerSecond / base.reply.tokensPerSecond }
    val stats = DecodeStats()
    for (reply in replies) stats.add(reply.stats)
    return mapOf(
        "tokens_per_second" to rounded(median(speeds), 10.0),
        "spread" to
            listOf(speeds[speeds.size / 10], speeds[speeds.size - 1 - speeds.size / 10]).map { rounded(it, 10.0) },
        "ratio_to_plain" to rounded(median(ratios), 1e3),
        "outside_litert" to if (outside.isEmpty()) null else rounded(median(outside), 1e4),
        "acceptance_rate" to if (stats.drafted == 0) null else rounded(stats.acceptanceRate, 1e4),
        "mean_accepted_length" to if (stats.rounds == 0) null else rounded(stats.meanAcceptedLength, 1e3),
        "drafting" to stats.drafting(),
    )
}

/** The first turns of the bundle's golden traces: prompts that every device has at hand. */
private fun benchPrompts(runtime: BundleRuntime): List<IntList> {
    val most = runtime.target.capacity / 2
    val found =
        goldenTraces(runtime.bundle).values.flatten().map { it.header.turns[0].promptTokens }
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

private const val PLAIN = "plain"
private const val TRIAL_TOKENS = 8
