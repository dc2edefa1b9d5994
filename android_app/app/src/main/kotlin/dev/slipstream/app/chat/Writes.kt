package dev.slipstream.app.chat

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.launch

/** Accesses to the store, one at a time and in order: a deletion must not overtake what is written after it. */
internal class Writes(
    scope: CoroutineScope,
    private val onError: (Exception) -> Unit,
) {
    private val waiting = Channel<suspend () -> Unit>(Channel.UNLIMITED)

    init {
        scope.launch { for (write in waiting) run(write) }
    }

    fun add(write: suspend () -> Unit) {
        waiting.trySend(write)
    }

    private suspend fun run(write: suspend () -> Unit) =
        try {
            write()
        } catch (error: CancellationException) {
            throw error
        } catch (error: Exception) {
            onError(error)
        }
}
