package dev.slipstream.app.conversations

import dev.slipstream.app.Problem
import dev.slipstream.app.Services
import dev.slipstream.app.chat.ConversationStore
import dev.slipstream.app.chat.Writes
import dev.slipstream.app.history.ConversationItem
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.catch
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.flatMapLatest
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch

/** What the list of conversations shows. [deleted] can still be had back. */
internal data class HistoryState(
    val search: String = "",
    val items: List<ConversationItem> = emptyList(),
    val deleted: ConversationItem? = null,
    val problem: Problem? = null,
)

/** The conversations: found, renamed, deleted and brought back. Called in the main thread. */
internal class HistoryModel(
    private val services: Services,
) {
    private val states = MutableStateFlow(HistoryState())
    private val writes = Writes(services.scope, ::tell)
    val state: StateFlow<HistoryState> = states.asStateFlow()

    init {
        // What was deleted in a process before this one.
        write { it.purge() }
        services.scope.launch { watch() }
    }

    fun search(text: String) = states.update { it.copy(search = text) }

    fun rename(
        id: Long,
        title: String,
    ) {
        if (title.isNotBlank()) write { it.rename(id, title) }
    }

    /** Until another is deleted, or the process ends, [undo] brings it back. */
    fun delete(item: ConversationItem) {
        states.update { it.copy(deleted = item) }
        write {
            it.purge()
            it.delete(item.id)
            services.chat.leave(item.id)
        }
    }

    fun undo() {
        val deleted = states.value.deleted ?: return
        write { it.restore(deleted.id) }
        forgetUndo()
    }

    /** The offer to undo is gone; the conversation goes with the next one that is deleted. */
    fun forgetUndo() = states.update { it.copy(deleted = null) }

    @OptIn(ExperimentalCoroutinesApi::class)
    private suspend fun watch() =
        states
            .map { it.search }
            .distinctUntilChanged()
            .flatMapLatest { services.conversations.list(it) }
            .catch { error -> if (error is Exception) tell(error) else throw error }
            .collect { items -> states.update { it.copy(items = items) } }

    private fun tell(error: Exception) = states.update { it.copy(problem = Problem.of(error)) }

    private fun write(block: suspend (ConversationStore) -> Unit) =
        writes.add {
            block(services.conversations)
            states.update { it.copy(problem = null) }
        }
}
