package dev.slipstream.app.conversations

import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.items
import androidx.compose.material.icons.Icons
import androidx.compose.material.icons.automirrored.filled.ArrowBack
import androidx.compose.material.icons.filled.Add
import androidx.compose.material.icons.filled.Search
import androidx.compose.material3.ExperimentalMaterial3Api
import androidx.compose.material3.Icon
import androidx.compose.material3.IconButton
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Scaffold
import androidx.compose.material3.SnackbarHost
import androidx.compose.material3.SnackbarHostState
import androidx.compose.material3.SnackbarResult
import androidx.compose.material3.Text
import androidx.compose.material3.TopAppBar
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.unit.dp
import dev.slipstream.app.R
import dev.slipstream.app.history.ConversationItem
import dev.slipstream.app.ui.ProblemCard

/** What the list of conversations can ask for. [onBack] is null where it stays beside the chat. */
internal class HistoryActions(
    val onBack: (() -> Unit)?,
    val onNew: () -> Unit,
    val onOpen: (ConversationItem) -> Unit,
    val onSearch: (String) -> Unit,
    val onRename: (ConversationItem, String) -> Unit,
    val onDelete: (ConversationItem) -> Unit,
    val onUndo: () -> Unit,
    val onUndoGone: () -> Unit,
)

/** All conversations, the newest first, and a field to find one by what was said in it; [shown] is beside the list. */
@OptIn(ExperimentalMaterial3Api::class)
@Composable
internal fun HistoryScreen(
    state: HistoryState,
    actions: HistoryActions,
    shown: Long? = null,
) {
    val snackbar = remember { SnackbarHostState() }
    UndoOffer(state.deleted, snackbar, actions)
    Scaffold(
        topBar = {
            TopAppBar(
                title = { Text(stringResource(R.string.history_title)) },
                navigationIcon = {
                    val back = actions.onBack ?: return@TopAppBar
                    IconButton(back) { Icon(Icons.AutoMirrored.Filled.ArrowBack, stringResource(R.string.back)) }
                },
                actions = {
                    // Beside the chat, whose bar has one.
                    if (actions.onBack == null) return@TopAppBar
                    IconButton(actions.onNew, Modifier.testTag("history-new")) {
                        Icon(Icons.Filled.Add, stringResource(R.string.chat_new))
                    }
                },
            )
        },
        snackbarHost = { SnackbarHost(snackbar) },
    ) { inner ->
        Column(Modifier.padding(inner).fillMaxSize()) {
            OutlinedTextField(
                state.search,
                actions.onSearch,
                Modifier.fillMaxWidth().padding(horizontal = 16.dp).testTag("search"),
                label = { Text(stringResource(R.string.history_search)) },
                leadingIcon = { Icon(Icons.Filled.Search, contentDescription = null) },
                singleLine = true,
            )
            state.problem?.let { ProblemCard(it, Modifier.padding(16.dp)) }
            Items(state, actions, shown)
        }
    }
}

@Composable
private fun Items(
    state: HistoryState,
    actions: HistoryActions,
    shown: Long?,
) {
    var renamed by rememberSaveable { mutableStateOf<Long?>(null) }
    LazyColumn(Modifier.fillMaxSize().testTag("conversations")) {
        if (state.items.isEmpty()) {
            item {
                val text = if (state.search.isBlank()) R.string.history_empty else R.string.history_none_found
                Text(
                    stringResource(text),
                    Modifier.padding(16.dp),
                    color = MaterialTheme.colorScheme.onSurfaceVariant,
                )
            }
        }
        items(state.items, key = { it.id }) { item ->
            if (item.id == renamed) {
                RenameLine(item.title, { renamed = null }) { title ->
                    renamed = null
                    actions.onRename(item, title)
                }
            } else {
                HistoryLine(
                    item,
                    isShown = item.id == shown,
                    onOpen = { actions.onOpen(item) },
                    onRename = { renamed = item.id },
                    onDelete = { actions.onDelete(item) },
                )
            }
        }
    }
}

@Composable
private fun UndoOffer(
    deleted: ConversationItem?,
    snackbar: SnackbarHostState,
    actions: HistoryActions,
) {
    val said = stringResource(R.string.history_deleted, deleted?.title.orEmpty())
    val undo = stringResource(R.string.undo)
    LaunchedEffect(deleted?.id) {
        if (deleted == null) return@LaunchedEffect
        val result = snackbar.showSnackbar(said, undo, withDismissAction = true)
        if (result == SnackbarResult.ActionPerformed) actions.onUndo() else actions.onUndoGone()
    }
}
