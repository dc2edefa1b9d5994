package dev.slipstream.app.chat

import dev.slipstream.Chat
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.getAndUpdate
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch

/** Stores the open conversation as it goes, in order. [onError] is told that the disk is full or fails. */
internal class Keeper(
    private val store: ConversationStore,
    scope: CoroutineScope,
    io: CoroutineDispatcher,
    onError: (Exception) -> Unit,
) {
    private class Draft(
        val conversation: Long,
        val text: String,
    )

    private val writes = Writes(scope, onError)
    private val drafts = MutableStateFlow<Draft?>(null)

    init {
        scope.launch(io) {
            drafts.filterNotNull().collectLatest {
                delay(DRAFT_MILLIS)
                flush()
            }
        }
    }

    /** What was said from message [from] on by [states], and the [chat] as it is now. */
    fun keep(
        states: MutableStateFlow<ChatState>,
        chat: Chat,
        from: Int,
    ) {
        val state = states.value
        val id = state.conversation?.takeIf { it != 0L } ?: return
        val snapshot = chat.snapshot()
        val conversation =
            Conversation(
                id,
                state.messages,
                state.settings,
                snapshot.isPlain,
                snapshot,
                state.forgotten,
                state.usedTokens,
            )
        writes.add {
            store.keep(conversation, from)
            states.update { it.copy(isUnsaved = false) }
        }
    }

    /** Stores a reply about once a second while it grows; for the caller to cancel. */
    suspend fun keepGrowing(
        id: Long,
        position: Int,
        incoming: Incoming,
    ) {
        var kept: Message? = null
        while (true) {
            delay(GROWING_MILLIS)
            val message = incoming.message()
            if (message == null || message == kept) continue
            writes.add { store.keepGrowing(id, position, message) }
            kept = message
        }
    }

    /** What is typed, a moment after it is. */
    fun keepDraft(
        id: Long,
        text: String,
    ) {
        drafts.value?.let { if (it.conversation != id) flush() }
        drafts.value = Draft(id, text)
    }

    /** What was typed is stored now. */
    fun flush() {
        val draft = drafts.getAndUpdate { null } ?: return
        writes.add { store.keepDraft(draft.conversation, draft.text) }
    }

    /** [write] in its turn. */
    fun add(write: suspend (ConversationStore) -> Unit) = writes.add { write(store) }

    private companion object {
        const val DRAFT_MILLIS = 300L
        const val GROWING_MILLIS = 1000L
    }
}
