package dev.slipstream.litert

import androidx.collection.emptyIntSet
import androidx.collection.intListOf
import dev.slipstream.sampling.Sampler
import dev.slipstream.sampling.Sampling
import dev.slipstream.trace.goldenTraces
import dev.slipstream.trace.replay
import java.io.File

/**
 * Who looks at logits: opens a bundle anew for each way of saying tokens, and prints the way and of how many graphs the
 * logits were looked at. Arguments: the bundle. Driven by tests/android/test_parity.py.
 */
internal fun main(arguments: Array<String>) {
    val bundle = File(arguments[0])
    val penalised = Sampling(repetitionPenalty = 1.5, repetitionWindow = 16)
    val sampled = Sampling(temperature = 0.7, topK = 8)
    println("greedy\t${looked(bundle) { decode(it, Sampling.GREEDY) }}")
    println("margins\t${looked(bundle) { margins(it) }}")
    println("penalised\t${looked(bundle) { decode(it, penalised) }}")
    println("sampled\t${looked(bundle) { decode(it, sampled) }}")
    println("replayed\t${looked(bundle, ::replayed)}")
}

private fun decode(
    runtime: BundleRuntime,
    sampling: Sampling,
) {
    for (count in listOf(0, runtime.manifest.draftTokens)) {
        val session = runtime.session(count, emptyIntSet(), sampling)
        val rounds = session.turn(runtime.encode("def f():\n"), NEW_TOKENS)
        check(rounds.sumOf { it.emittedTokens.size } == NEW_TOKENS) { "fewer tokens than asked for" }
    }
}

private fun margins(runtime: BundleRuntime) {
    val target = runtime.target(Sampler())
    target.prefill(intListOf(runtime.manifest.tokens.bos), 0)
    check(target.margins().single() > 0) { "no margin" }
}

private fun replayed(runtime: BundleRuntime) {
    for (trace in goldenTraces(runtime.bundle).values.flatten()) {
        replay(trace, runtime.comparingTarget, runtime.drafter)
    }
}

/** Of how many graphs that score. */
private fun looked(
    bundle: File,
    act: (BundleRuntime) -> Unit,
): Int =
    withHeldLog { BundleRuntime(bundle) }.use { runtime ->
        act(runtime)
        scoring(runtime).count { it.logits.isInitialized() }
    }

/** The passes of a runtime, which has them to itself. */
private fun scoring(runtime: BundleRuntime): List<Pass> {
    val models = field(runtime, "models")
    return (field(field(models, "opened"), "scoring") as List<*>).map { it as Pass }
}

private fun field(
    of: Any,
    name: String,
): Any =
    of.javaClass
        .getDeclaredField(name)
        .apply { isAccessible = true }
        .get(of)

private const val NEW_TOKENS = 24
