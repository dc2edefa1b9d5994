package dev.slipstream.app.setup

import dev.slipstream.BundleNeed
import dev.slipstream.app.Problem
import dev.slipstream.app.Services
import dev.slipstream.app.Work
import dev.slipstream.app.engine.EngineState
import dev.slipstream.app.setup.SetupState.Phase
import dev.slipstream.app.storage.BundleSource
import dev.slipstream.app.storage.ImportProgress
import dev.slipstream.app.storage.StoredBundle
import dev.slipstream.bundle.readManifest
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import java.io.File

/** From no bundle to a loaded one: finds it, imports it, checks it, tells what it needs, and loads it. */
internal class SetupModel(
    private val services: Services,
) {
    private val states = MutableStateFlow(SetupState())
    private var found: File? = null

    @Volatile
    private var isStopped = false

    val state: StateFlow<SetupState> = states.asStateFlow()

    init {
        attempt { look() }
    }

    /** Imports what the file picker returned, which [open] opens; also when no window is there to watch. */
    fun import(open: () -> BundleSource) =
        attempt {
            // Both do not fit into memory, and what was packed of the old one may have to make room on the disk.
            services.host.forget().join()
            load(imported(open))
        }

    /** Loads [bundle], one that is here, in the place of what is loaded. */
    fun use(bundle: StoredBundle) =
        attempt {
            states.update { SetupState(Phase.LOOKING) }
            services.host.forget().join()
            withContext(services.io) { services.shelf.choose(bundle.file) }
            load(bundle.file.takeIf { check(it) })
        }

    /** Looks again, for what was pushed over adb in the meantime. */
    fun lookAgain() = attempt { look() }

    /** Loads although memory may be too small. */
    fun loadAnyway() =
        attempt {
            found?.let {
                states.update { state -> state.copy(phase = Phase.LOADING) }
                services.host.load(it)
                states.update { state -> state.copy(phase = Phase.LOADED) }
            }
        }

    /** Loads again what memory pressure had unloaded. */
    fun reload() =
        attempt {
            // Asked for twice, by who comes back and by the self-check, it is loaded once.
            if (services.host.state.value !is EngineState.Unloaded) return@attempt
            states.update { it.copy(phase = Phase.LOADING) }
            services.host.reload()
            states.update { it.copy(phase = Phase.LOADED) }
        }

    /** Ends an import or a check; what was copied is kept for the next one. */
    fun stop() {
        isStopped = true
    }

    /** Back to where another bundle can be chosen. */
    fun chooseAnother() = attempt { states.value = empty() }

    /** One at a time: a new one ends the one before at its next step, and waits for it. */
    private fun attempt(block: suspend () -> Unit) {
        isStopped = true
        services.scope.launch {
            services.shelf.changes.withLock {
                isStopped = false
                try {
                    block()
                } catch (error: CancellationException) {
                    throw error
                } catch (error: Exception) {
                    states.value = empty().copy(problem = Problem.of(error))
                }
            }
        }
    }

    private suspend fun look() {
        states.update { SetupState(Phase.LOOKING) }
        val shelf = services.shelf
        val (file, packed) =
            withContext(services.io) { shelf.find() to services.packedBundle?.takeIf(shelf::isNew) }
        when {
            file == shelf.pushed || packed == null -> load(file?.takeIf { check(it) })
            else -> load(imported(packed.open) ?: file)
        }
    }

    private suspend fun imported(open: () -> BundleSource): File? =
        services.works.during(Work.Kind.IMPORT, ::stop) { copy(open) }

    private suspend fun check(file: File): Boolean =
        withContext(services.io) {
            if (!services.shelf.needsCheck(file)) return@withContext true
            states.update { it.copy(phase = Phase.CHECKING) }
            services.shelf.check(file, ::isStopped, ::show)
        }

    private suspend fun copy(open: () -> BundleSource): File? =
        withContext(services.io) {
            open().use { source ->
                val need = source.bytes?.let { BundleNeed.of(readManifest(it, source.name), it.size) }
                val shelf = services.shelf
                states.update { told(need).copy(phase = Phase.IMPORTING, unfinished = shelf.importer.unfinished) }
                shelf.import(source, ::isStopped, ::show)?.also { services.packedBundle?.let(shelf::noteOlder) }
            }
        }

    private suspend fun load(file: File?) {
        if (file == null) {
            states.value = empty()
            return
        }
        found = file
        val need = withContext(services.io) { BundleNeed.of(services.shelf.manifest(file), file.length()) }
        states.update { told(need).copy(phase = Phase.LOADING) }
        if (need.memoryBytes > services.freeMemory()) {
            states.update { it.copy(phase = Phase.ASKING) }
        } else {
            services.host.load(file)
            states.update { it.copy(phase = Phase.LOADED) }
        }
    }

    private fun show(progress: ImportProgress) {
        services.works.tell(Work.Kind.IMPORT, (progress.fraction * 100).toInt())
        states.update {
            it.copy(progress = progress, phase = if (progress.isChecking) Phase.CHECKING else Phase.IMPORTING)
        }
    }

    private fun told(need: BundleNeed?) =
        SetupState(need = need, freeSpace = services.shelf.freeBytes, freeMemory = services.freeMemory())

    private suspend fun empty(): SetupState =
        withContext(services.io) {
            val shelf = services.shelf
            SetupState(
                Phase.EMPTY,
                freeSpace = shelf.freeBytes,
                unfinished = shelf.importer.unfinished,
                bundles = shelf.list(),
            )
        }
}
