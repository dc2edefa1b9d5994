package dev.slipstream.app.chat

import androidx.compose.foundation.layout.Column
import androidx.compose.material.icons.Icons
import androidx.compose.material.icons.automirrored.filled.List
import androidx.compose.material.icons.filled.Add
import androidx.compose.material.icons.filled.MoreVert
import androidx.compose.material3.DropdownMenu
import androidx.compose.material3.DropdownMenuItem
import androidx.compose.material3.ExperimentalMaterial3Api
import androidx.compose.material3.Icon
import androidx.compose.material3.IconButton
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.material3.TopAppBar
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.LocalDensity
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.style.TextOverflow
import dev.slipstream.ModelInfo
import dev.slipstream.app.R

private const val TWO_LINES_SCALE = 1.3f

/** Which models speak, a new conversation, and a menu for the rest. */
@OptIn(ExperimentalMaterial3Api::class)
@Composable
internal fun ChatBar(
    state: ChatState,
    info: ModelInfo,
    actions: ChatActions,
    onSettings: () -> Unit,
) {
    TopAppBar(
        title = {
            // Read as one, before the buttons beside it.
            Column(Modifier.semantics(mergeDescendants = true) {}) {
                val mode = if (state.isChat) R.string.app_name else R.string.chat_switch_to_plain
                Text(stringResource(mode), maxLines = 1, overflow = TextOverflow.Ellipsis)
                // The bar's height is fixed: with large letters there is room for one line.
                if (LocalDensity.current.fontScale <= TWO_LINES_SCALE) Names(info)
            }
        },
        navigationIcon = {
            val open = actions.onConversations ?: return@TopAppBar
            IconButton(open, Modifier.testTag("conversations-open")) {
                Icon(Icons.AutoMirrored.Filled.List, stringResource(R.string.history_title))
            }
        },
        actions = {
            IconButton(actions.onNew, Modifier.testTag("new"), enabled = !state.isReplying) {
                Icon(Icons.Filled.Add, stringResource(R.string.chat_new))
            }
            Menu(state, info, actions, onSettings)
        },
    )
}

@Composable
private fun Names(info: ModelInfo) {
    Text(
        listOfNotNull(info.targetId, info.drafterId).joinToString(" + "),
        style = MaterialTheme.typography.bodySmall,
        color = MaterialTheme.colorScheme.onSurfaceVariant,
        maxLines = 1,
        overflow = TextOverflow.Ellipsis,
    )
}

@Composable
private fun Menu(
    state: ChatState,
    info: ModelInfo,
    actions: ChatActions,
    onSettings: () -> Unit,
) {
    var isOpen by remember { mutableStateOf(false) }
    val item: @Composable (Int, () -> Unit) -> Unit = { text, onClick ->
        DropdownMenuItem(
            text = { Text(stringResource(text)) },
            enabled = !state.isReplying,
            onClick = {
                isOpen = false
                onClick()
            },
        )
    }
    IconButton({ isOpen = true }, Modifier.testTag("menu")) {
        Icon(Icons.Filled.MoreVert, stringResource(R.string.chat_menu))
    }
    DropdownMenu(isOpen, { isOpen = false }) {
        item(R.string.settings_title, onSettings)
        if (!state.isChat && info.hasChat) item(R.string.chat_switch_to_chat) { actions.onMode(true) }
        if (state.isChat) item(R.string.chat_switch_to_plain) { actions.onMode(false) }
        item(R.string.model_title, actions.onModel)
    }
}
