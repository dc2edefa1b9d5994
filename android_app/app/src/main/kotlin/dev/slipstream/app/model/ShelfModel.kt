package dev.slipstream.app.model

import dev.slipstream.app.Services
import dev.slipstream.app.storage.StoredBundle
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/** The bundles that are on this phone, as the model's page lists them. */
internal class ShelfModel(
    private val services: Services,
) {
    private val bundlesNow = MutableStateFlow<List<StoredBundle>>(emptyList())
    val bundles: StateFlow<List<StoredBundle>> = bundlesNow.asStateFlow()

    /** Bytes; what is free for the model now. */
    val freeMemory: Long get() = services.freeMemory()
    val freeSpace: Long get() = services.shelf.freeBytes

    fun refresh() {
        services.scope.launch { show() }
    }

    /** Deletes [bundle]; where it was the chosen one, it is unloaded first and [onChosenGone] is called. */
    fun delete(
        bundle: StoredBundle,
        onChosenGone: () -> Unit,
    ) {
        services.scope.launch {
            if (bundle.isChosen) services.host.forget().join()
            withContext(services.io) { services.shelf.changes.withLock { services.shelf.delete(bundle.file) } }
            show()
            if (bundle.isChosen) onChosenGone()
        }
    }

    private suspend fun show() {
        bundlesNow.value = withContext(services.io) { services.shelf.list() }
    }
}
