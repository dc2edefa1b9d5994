package dev.slipstream.app.engine

import dev.slipstream.ModelInfo
import dev.slipstream.Slipstream
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import java.io.File

/**
 * The process's one model: it outlives windows, so that turning the phone loads nothing anew, and is given back when
 * memory runs low.
 */
internal class EngineHost(
    private val io: CoroutineDispatcher = Dispatchers.IO,
    private val open: suspend (File) -> Slipstream,
) {
    private val scope = CoroutineScope(io)
    private val states = MutableStateFlow<EngineState>(EngineState.Absent)

    /** One change at a time; [file] is of the last that was asked for. */
    private val changes = Mutex()
    private var file: File? = null

    val state: StateFlow<EngineState> = states.asStateFlow()

    /** Loads [file] in the place of what is loaded. SlipstreamException, and no model, where that fails. */
    suspend fun load(file: File) =
        changes.withLock {
            this.file = file
            val before = states.value
            states.value = EngineState.Loading
            close(before)
            try {
                states.value = EngineState.Ready(open(file))
            } finally {
                if (states.value == EngineState.Loading) states.value = EngineState.Absent
            }
        }

    /** Loads again what memory pressure had unloaded. */
    suspend fun reload() = file?.let { load(it) }

    /** Memory runs low: ends what runs at its next step, gives the memory back, and says so. */
    fun unload() {
        release { info -> info?.let(EngineState::Unloaded) ?: EngineState.Absent }
    }

    /** The same, for another bundle to be loaded. The job ends when that is done. */
    fun forget(): Job = release { EngineState.Absent }

    private fun release(after: (ModelInfo?) -> EngineState): Job =
        scope.launch {
            changes.withLock {
                val before = states.value
                close(before)
                val info = (before as? EngineState.Ready)?.info ?: (before as? EngineState.Unloaded)?.info
                states.value = after(info)
            }
        }

    /** Waits for the step that the model is in. */
    private suspend fun close(state: EngineState) = withContext(io) { (state as? EngineState.Ready)?.model?.close() }
}
