package dev.slipstream.app.check

import android.util.Log
import dev.slipstream.CheckOutcome
import dev.slipstream.CheckStep
import dev.slipstream.app.ModelBindings
import dev.slipstream.app.Problem
import dev.slipstream.app.R
import dev.slipstream.app.Services
import dev.slipstream.app.Work
import dev.slipstream.app.engine.EngineState
import dev.slipstream.app.setup.SetupModel
import dev.slipstream.app.setup.SetupState
import dev.slipstream.app.setup.SetupState.Phase
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.first
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

    private val unattended = MutableStateFlow(false)

    /** Asked for by adb's shell: from then on until it has ended, nobody needs to be in front of the phone. */
    val isUnattended: StateFlow<Boolean> = unattended.asStateFlow()

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

    /** Runs once [setup] has loaded a model; where it can't, the result says why. */
    fun runUnattended(setup: SetupModel) {
        if (!unattended.compareAndSet(expect = false, update = true)) return
        services.scope.launch {
            try {
                val problem = problem(setup)
                if (problem == null) run() else fail(problem)
                running?.join()
            } finally {
                unattended.value = false
            }
        }
    }

    /** Null when there is a model. */
    private suspend fun problem(setup: SetupModel): Problem? {
        val host = services.host.state
        if (host.value is EngineState.Unloaded) setup.reload()
        val (engine, state) =
            combine(host, setup.state, ::Pair).first { (engine, state) ->
                engine is EngineState.Ready || state.phase == Phase.EMPTY || state.phase == Phase.ASKING
            }
        return when {
            engine is EngineState.Ready -> null
            state.phase == Phase.ASKING -> shortOfMemory(state)
            else -> state.problem ?: NO_BUNDLE
        }
    }

    private fun shortOfMemory(state: SetupState) =
        Problem(
            R.string.problem_memory,
            R.string.problem_memory_do,
            "Memory is short: the bundle needs ${state.need?.memoryBytes} bytes, ${state.freeMemory} are free",
        )

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
        val loaded = (services.host.state.value as? EngineState.Ready)?.info?.bundleSha256
        val written =
            try {
                withContext(services.io) {
                    services.report.writeFailure(loaded ?: ModelBindings.BUNDLE_SHA256, problem.detail)
                    "${services.report.file}"
                }
            } catch (error: IOException) {
                "not written: $error"
            }
        Log.i(TAG, "self-check failed: $written")
    }

    private companion object {
        const val TAG = "slipstream"
        val NO_BUNDLE =
            Problem(
                R.string.problem_no_bundle,
                R.string.problem_no_bundle_do,
                "There is no bundle: expected one on this phone, found none",
            )
        val FIRST = CheckStep(CheckStep.Kind.BYTES)
    }
}
