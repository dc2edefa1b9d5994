package dev.slipstream.app.conversations

import android.text.format.DateUtils
import androidx.compose.foundation.clickable
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.material.icons.Icons
import androidx.compose.material.icons.filled.Check
import androidx.compose.material.icons.filled.Close
import androidx.compose.material.icons.filled.MoreVert
import androidx.compose.material3.DropdownMenu
import androidx.compose.material3.DropdownMenuItem
import androidx.compose.material3.Icon
import androidx.compose.material3.IconButton
import androidx.compose.material3.ListItem
import androidx.compose.material3.ListItemColors
import androidx.compose.material3.ListItemDefaults
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.LocalContext
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.selected
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.style.TextOverflow
import androidx.compose.ui.unit.dp
import dev.slipstream.app.R
import dev.slipstream.app.history.ConversationItem

/** A conversation in the list: touched it opens, and its menu renames and deletes it. One [isShown] is open already. */
@Composable
internal fun HistoryLine(
    item: ConversationItem,
    isShown: Boolean,
    onOpen: () -> Unit,
    onRename: () -> Unit,
    onDelete: () -> Unit,
) {
    ListItem(
        headlineContent = { Text(item.title, maxLines = 1, overflow = TextOverflow.Ellipsis) },
        supportingContent = { Text(day(item.changedMillis)) },
        trailingContent = { LineMenu(item, onRename, onDelete) },
        modifier =
            Modifier
                .clickable(onClick = onOpen)
                .semantics { if (isShown) selected = true }
                .testTag("conversation"),
        colors = if (isShown) shownColors() else ListItemDefaults.colors(),
    )
}

@Composable
private fun shownColors(): ListItemColors {
    val onColor = MaterialTheme.colorScheme.onSecondaryContainer
    return ListItemDefaults.colors(
        MaterialTheme.colorScheme.secondaryContainer,
        headlineColor = onColor,
        supportingColor = onColor,
        trailingIconColor = onColor,
    )
}

@Composable
private fun day(millis: Long): String =
    DateUtils.formatDateTime(
        LocalContext.current,
        millis,
        DateUtils.FORMAT_SHOW_DATE or DateUtils.FORMAT_ABBREV_MONTH or DateUtils.FORMAT_SHOW_TIME,
    )

@Composable
private fun LineMenu(
    item: ConversationItem,
    onRename: () -> Unit,
    onDelete: () -> Unit,
) {
    var isOpen by remember { mutableStateOf(false) }
    Box {
        IconButton({ isOpen = true }, Modifier.testTag("conversation-menu")) {
            Icon(Icons.Filled.MoreVert, stringResource(R.string.history_more, item.title))
        }
        DropdownMenu(isOpen, { isOpen = false }) {
            for ((text, onClick) in listOf(R.string.rename to onRename, R.string.delete to onDelete)) {
                DropdownMenuItem({ Text(stringResource(text)) }, {
                    isOpen = false
                    onClick()
                })
            }
        }
    }
}

/** The line of a conversation that is given another title than [title]. */
@Composable
internal fun RenameLine(
    title: String,
    onCancel: () -> Unit,
    onRename: (String) -> Unit,
) {
    var text by rememberSaveable { mutableStateOf(title) }
    Row(
        Modifier.fillMaxWidth().padding(start = 16.dp, end = 8.dp),
        verticalAlignment = Alignment.CenterVertically,
    ) {
        OutlinedTextField(
            text,
            { text = it },
            Modifier.weight(1f).testTag("title"),
            label = { Text(stringResource(R.string.history_name)) },
            singleLine = true,
        )
        IconButton({ onRename(text) }, Modifier.testTag("rename"), enabled = text.isNotBlank()) {
            Icon(Icons.Filled.Check, stringResource(R.string.rename))
        }
        IconButton(onCancel) { Icon(Icons.Filled.Close, stringResource(R.string.cancel)) }
    }
}
