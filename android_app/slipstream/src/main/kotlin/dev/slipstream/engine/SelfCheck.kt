package dev.slipstream.engine

import dev.slipstream.CheckOutcome
import dev.slipstream.CheckStep
import dev.slipstream.bundle.verifyHashes
import dev.slipstream.errors.BundleException
import dev.slipstream.errors.TraceException
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.benchEffort
import dev.slipstream.litert.measure
import dev.slipstream.trace.Trace
import dev.slipstream.trace.goldenTraces
import dev.slipstream.trace.recordWithMargins
import dev.slipstream.trace.replay
import dev.slipstream.trace.traceText

/** The order of a self-check; the checks themselves are the runtime's. */
internal class SelfCheck(
    private val runtime: BundleRuntime,
    private val benchSeconds: Double,
) {
    private val rounds = LinkedHashMap<String, Int>()
    private val computed = LinkedHashMap<String, String>()
    private var firstDifference: String? = null
    private var targetForks = 0
    private var draftForks = 0

    fun run(
        cancelled: () -> Boolean,
        onStep: (CheckStep) -> Unit,
    ): CheckOutcome? {
        try {
            compare(StoppingTarget(runtime.comparingTarget, cancelled), cancelled, onStep)
        } catch (_: StoppedException) {
            return null
        }
        if (cancelled()) return null
        onStep(CheckStep(CheckStep.Kind.BENCH))
        val bench = measure(runtime, benchEffort(runtime, benchSeconds, cancelled), cancelled = cancelled)
        if (cancelled()) return null
        val bundle = runtime.manifest.manifestSha256
        return CheckOutcome(bundle, firstDifference, rounds, targetForks, draftForks, bench, computed)
    }

    /** All bytes, all traces. Throws StoppedException. */
    private fun compare(
        target: StoppingTarget,
        cancelled: () -> Boolean,
        onStep: (CheckStep) -> Unit,
    ) {
        onStep(CheckStep(CheckStep.Kind.BYTES))
        try {
            verifyHashes(runtime.bundle) { if (cancelled()) throw StoppedException() }
        } catch (error: BundleException) {
            note(error.message)
        }
        for ((name, traces) in goldenTraces(runtime.bundle)) {
            for (trace in traces) {
                onStep(CheckStep(CheckStep.Kind.TRACE, name))
                try {
                    check(name, trace, target)
                } catch (error: BundleException) {
                    // A graph whose choices are not those of its logits.
                    note(error.message)
                }
            }
        }
    }

    private fun check(
        name: String,
        trace: Trace,
        target: StoppingTarget,
    ) {
        try {
            val report = replay(trace, target, runtime.drafter)
            rounds[name] = rounds.getOrDefault(name, 0) + report.rounds
            targetForks += report.targetForks
            draftForks += report.draftForks
        } catch (error: TraceException) {
            note(error.message)
        }
        // Free of the recording: what this device would have written down itself.
        val own = Trace(trace.header, recordWithMargins(trace.header, target, runtime.drafter))
        computed[name] = computed.getOrDefault(name, "") + traceText(own)
    }

    private fun note(difference: String?) {
        firstDifference = firstDifference ?: difference
    }
}
