package dev.slipstream.app.chat

import android.content.Intent
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.ExperimentalLayoutApi
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.size
import androidx.compose.foundation.text.selection.SelectionContainer
import androidx.compose.material.icons.Icons
import androidx.compose.material.icons.filled.Edit
import androidx.compose.material.icons.filled.PlayArrow
import androidx.compose.material.icons.filled.Refresh
import androidx.compose.material.icons.filled.Share
import androidx.compose.material3.Icon
import androidx.compose.material3.IconButton
import androidx.compose.material3.LocalContentColor
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.CompositionLocalProvider
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.painter.Painter
import androidx.compose.ui.graphics.vector.rememberVectorPainter
import androidx.compose.ui.platform.LocalClipboardManager
import androidx.compose.ui.platform.LocalContext
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.painterResource
import androidx.compose.ui.res.pluralStringResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.isTraversalGroup
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.AnnotatedString
import androidx.compose.ui.text.style.TextDirection
import androidx.compose.ui.unit.dp
import dev.slipstream.app.R
import dev.slipstream.app.chat.markdown.MarkdownView

/** What was typed, as it was typed; [onEdit] says another text in its place, and is null while that can't be. */
@Composable
internal fun UserMessage(
    message: Message,
    onEdit: ((String) -> Unit)?,
) {
    var isEdited by rememberSaveable { mutableStateOf(false) }
    if (isEdited && onEdit != null) return EditMessage(message.text, { isEdited = false }, onEdit)
    val spoken = stringResource(R.string.chat_user)
    Column(
        Modifier.fillMaxWidth().padding(start = 48.dp).semantics { isTraversalGroup = true },
        horizontalAlignment = Alignment.End,
    ) {
        Surface(
            Modifier.semantics { contentDescription = spoken },
            color = MaterialTheme.colorScheme.secondaryContainer,
            contentColor = MaterialTheme.colorScheme.onSecondaryContainer,
            shape = MaterialTheme.shapes.large,
        ) {
            SelectionContainer {
                Text(
                    message.text,
                    Modifier.padding(horizontal = 16.dp, vertical = 10.dp),
                    style = MaterialTheme.typography.bodyLarge.copy(textDirection = TextDirection.Content),
                )
            }
        }
        Row {
            CopyButton(message.text)
            if (onEdit != null) {
                val icon = rememberVectorPainter(Icons.Filled.Edit)
                SmallButton(icon, stringResource(R.string.chat_edit), "edit-message") { isEdited = true }
            }
        }
    }
}

/** A reply, read out block by block behind what it is and where its tokens came from. */
@Composable
internal fun ModelMessage(
    message: Message,
    isGrowing: Boolean,
) {
    val spoken = if (isGrowing) stringResource(R.string.chat_model) else spoken(message)
    Column(
        Modifier.fillMaxWidth().semantics { isTraversalGroup = true },
        verticalArrangement = Arrangement.spacedBy(8.dp),
    ) {
        if (message.thought.isNotBlank()) Thought(message.thought, hasAnswer = message.text.isNotEmpty())
        SelectionContainer(Modifier.semantics { contentDescription = spoken }.testTag("reply")) {
            MarkdownView(
                message.text,
                MaterialTheme.typography.bodyLarge,
                Modifier.fillMaxWidth(),
                message.runs,
            )
        }
        if (!isGrowing && message.text.isNotEmpty()) {
            Row {
                CopyButton(message.text)
                ShareButton(message.text)
            }
        }
    }
}

@Composable
private fun spoken(message: Message): String {
    val tokens = message.runs.sumOf { it.tokens }
    val accepted = message.runs.filter { it.accepted }.sumOf { it.tokens }
    val origin = pluralStringResource(R.plurals.chat_origin, tokens, accepted, tokens)
    return stringResource(R.string.chat_model) + ". " + origin
}

@Composable
private fun CopyButton(text: String) {
    val clipboard = LocalClipboardManager.current
    SmallButton(painterResource(R.drawable.ic_copy), stringResource(R.string.chat_copy), "copy") {
        clipboard.setText(AnnotatedString(text))
    }
}

@Composable
private fun ShareButton(text: String) {
    val context = LocalContext.current
    SmallButton(rememberVectorPainter(Icons.Filled.Share), stringResource(R.string.chat_share), "share-message") {
        val send = Intent(Intent.ACTION_SEND).setType("text/plain").putExtra(Intent.EXTRA_TEXT, text.take(MOST_SHARED))
        context.startActivity(Intent.createChooser(send, null))
    }
}

/** Characters: what an intent carries is bounded at a megabyte, with all that is under way in the process. */
private const val MOST_SHARED = 100_000

/** Of a finger's size, with a small picture: it stands under each message. */
@Composable
private fun SmallButton(
    icon: Painter,
    text: String,
    tag: String,
    onClick: () -> Unit,
) {
    CompositionLocalProvider(LocalContentColor provides MaterialTheme.colorScheme.onSurfaceVariant) {
        IconButton(onClick, Modifier.testTag(tag)) { Icon(icon, text, Modifier.size(18.dp)) }
    }
}

/** What can be done about what was said last. */
@OptIn(ExperimentalLayoutApi::class)
@Composable
internal fun LastReplyActions(
    state: ChatState,
    actions: ChatActions,
) {
    FlowRow(horizontalArrangement = Arrangement.spacedBy(8.dp)) {
        if (!state.messages.last().isUser) {
            TextButton(actions.onRetry, Modifier.testTag("retry")) {
                Icon(Icons.Filled.Refresh, contentDescription = null, Modifier.padding(end = 8.dp).size(18.dp))
                Text(stringResource(R.string.chat_retry))
            }
        }
        if (state.canGoOn) {
            TextButton(actions.onGoOn, Modifier.testTag("go-on")) {
                Icon(Icons.Filled.PlayArrow, contentDescription = null, Modifier.padding(end = 8.dp).size(18.dp))
                Text(stringResource(R.string.chat_go_on))
            }
        }
        TextButton(actions.onTakeBack, Modifier.testTag("edit")) {
            Icon(Icons.Filled.Edit, contentDescription = null, Modifier.padding(end = 8.dp).size(18.dp))
            Text(stringResource(R.string.chat_take_back))
        }
    }
}
