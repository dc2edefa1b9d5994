package dev.slipstream.app.check

import android.util.Log
import dev.slipstream.CheckOutcome
import dev.slipstream.CheckStep
import dev.slipstream.app.ModelBindings
import dev.slipstream.app.Problem
import dev.slipstream.app.Services
import dev.slipstream.app.Work
import dev.slipstream.app.engine.EngineState
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.io.IOException

/** The self-check: runs in the engine's thread, writes its result, and says in one line of the log how it went. */
internal class CheckModel(
    private val services: Services,
) {
    private val states = MutableStateFlow(CheckState())
    val state: StateFlow<CheckState> = states.asStateFlow()

    private var running: Job? = null

    fun run() {
        val model = (services.host.state.value as? EngineState.Ready)?.model
        if (states.value.step != null || model == null) return
        states.value = CheckState(step = FIRST)
        running =
            services.scope.launch {
                try {
                    services.works.during(Work.Kind.CHECK, ::stop) {
                        withContext(services.io) { services.report.clear() }
                        finish(model.selfCheck { step -> states.update { it.copy(step = step) } })
                    }
                } catch (error: CancellationException) {
                    cancelled()
                    throw error
                } catch (error: Exception) {
                    if (services.host.state.value is EngineState.Ready) fail(Problem.of(error)) else cancelled()
                }
            }
    }

    fun stop() {
        running?.cancel()
    }

    /** A check that was asked for from outside and can't begin, because nothing could be loaded. */
    fun refuse(problem: Problem) {
        services.scope.launch { fail(problem) }
    }

    private fun cancelled() {
        states.value = CheckState(isCancelled = true)
        Log.i(TAG, "self-check cancelled")
    }

    private suspend fun finish(outcome: CheckOutcome) {
        val status = withContext(services.io) { services.report.write(outcome) }
        states.value = CheckState(outcome = outcome, thermalStatus = status)
        Log.i(TAG, "self-check ${if (outcome.passed) "passed" else "failed"}: ${services.report.file}")
    }

    private suspend fun fail(problem: Problem) {
        states.value = CheckState(problem = problem)
        val reason = "${problem.title}: expected ${problem.expected}, found ${problem.found}, ${problem.where}"
        val loaded = (services.host.state.value as? EngineState.Ready)?.info?.bundleSha256
        val written =
            try {
                withContext(services.io) {
                    services.report.writeFailure(loaded ?: ModelBindings.BUNDLE_SHA256, reason)
                    "${services.report.file}"
                }
            } catch (error: IOException) {
                "not written: $error"
            }
        Log.i(TAG, "self-check failed: $written")
    }

    private companion object {
        const val TAG = "slipstream"
        val FIRST = CheckStep(CheckStep.Kind.BYTES)
    }
}
