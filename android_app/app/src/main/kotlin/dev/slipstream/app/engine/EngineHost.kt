package dev.slipstream.app.engine

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.io.File
import java.util.concurrent.Executors

/**
 * The process's one engine and the one thread that calls it: whoever uses it waits for the others.
 *
 * It outlives windows, so that turning the phone loads nothing anew.
 */
internal class EngineHost(
    private val open: (File) -> Engine,
) {
    private val dispatcher = Executors.newSingleThreadExecutor { Thread(it, "engine") }.asCoroutineDispatcher()
    private val states = MutableStateFlow<EngineState>(EngineState.Absent)
    private var engine: Engine? = null
    private var file: File? = null

    @Volatile
    private var isUnloading = false

    val state: StateFlow<EngineState> = states.asStateFlow()

    /** Loads [file] in the place of what is loaded. SlipstreamException, and no engine, where that fails. */
    suspend fun load(file: File) =
        withContext(dispatcher) {
            states.value = EngineState.Loading
            close()
            try {
                val opened = open(file)
                engine = opened
                this@EngineHost.file = file
                isUnloading = false
                states.value = EngineState.Ready(opened.info)
            } finally {
                if (engine == null) states.value = EngineState.Absent
            }
        }

    /** Loads again what memory pressure had unloaded. */
    suspend fun reload() = file?.let { load(it) }

    /**
     * Runs [block] in the engine's thread; null when nothing is loaded. It is handed a `cancelled`, which says yes as
     * soon as the caller is cancelled or memory runs low.
     */
    suspend fun <T> use(block: (Engine, () -> Boolean) -> T): T? =
        withContext(dispatcher) {
            val context = currentCoroutineContext()
            engine?.let { block(it) { isUnloading || !context.isActive } }
        }

    /** Memory runs low: ends what runs at its next step, gives the memory back, and says so. */
    fun unload() = release { EngineState.Unloaded(it) }

    /** The same, for another bundle to be loaded. */
    fun forget() = release { EngineState.Absent }

    private fun release(after: (EngineInfo) -> EngineState) {
        isUnloading = true
        CoroutineScope(dispatcher).launch {
            val info = engine?.info
            close()
            if (info != null) states.value = after(info)
        }
    }

    private fun close() {
        engine?.close()
        engine = null
    }
}
