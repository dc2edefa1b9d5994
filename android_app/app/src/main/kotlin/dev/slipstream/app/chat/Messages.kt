package dev.slipstream.app.chat

import androidx.compose.foundation.background
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.ExperimentalLayoutApi
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.PaddingValues
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.size
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.itemsIndexed
import androidx.compose.foundation.lazy.rememberLazyListState
import androidx.compose.material.icons.Icons
import androidx.compose.material.icons.filled.Edit
import androidx.compose.material.icons.filled.Refresh
import androidx.compose.material3.Icon
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.pluralStringResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.clearAndSetSemantics
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.text
import androidx.compose.ui.text.AnnotatedString
import androidx.compose.ui.text.SpanStyle
import androidx.compose.ui.text.buildAnnotatedString
import androidx.compose.ui.unit.dp
import dev.slipstream.app.R

/** What was said, the newest at the bottom and kept in sight while it grows. */
@Composable
internal fun Messages(
    state: ChatState,
    canAsk: Boolean,
    actions: ChatActions,
    modifier: Modifier,
) {
    val list = rememberLazyListState()
    val last = state.messages.lastIndex
    val hasActions = canAsk && last >= 0 && !state.isReplying
    LaunchedEffect(
        state.messages.size,
        hasActions,
        state.messages
            .lastOrNull()
            ?.let { it.text.length + it.thought.length },
    ) {
        // Its end, however long it is.
        if (last >= 0) list.scrollToItem(last + (if (hasActions) 2 else 1), Int.MAX_VALUE / 2)
    }
    LazyColumn(
        modifier.fillMaxWidth().testTag("messages"),
        list,
        contentPadding = PaddingValues(16.dp),
        verticalArrangement = Arrangement.spacedBy(12.dp),
    ) {
        if (last < 0) item { Hint(state.isChat) }
        itemsIndexed(state.messages) { index, message ->
            Column(verticalArrangement = Arrangement.spacedBy(12.dp)) {
                if (index > 0 && index == state.forgotten) ForgottenLine(state.forgotten)
                if (message.isUser) UserMessage(message) else ModelMessage(message, state.settings.showsOrigins)
            }
        }
        if (hasActions) item { LastReplyActions(state, actions) }
        if (state.settings.showsOrigins) item { Legend() }
    }
}

@Composable
private fun Hint(isChat: Boolean) {
    Text(
        stringResource(if (isChat) R.string.chat_empty else R.string.chat_empty_plain),
        style = MaterialTheme.typography.bodyLarge,
        color = MaterialTheme.colorScheme.onSurfaceVariant,
    )
}

@Composable
private fun UserMessage(message: Message) {
    val spoken = stringResource(R.string.chat_user, message.text)
    Box(Modifier.fillMaxWidth().padding(start = 48.dp), contentAlignment = Alignment.CenterEnd) {
        Surface(
            color = MaterialTheme.colorScheme.secondaryContainer,
            contentColor = MaterialTheme.colorScheme.onSecondaryContainer,
            shape = MaterialTheme.shapes.large,
            modifier = Modifier.clearAndSetSemantics { contentDescription = spoken },
        ) { Text(message.text, Modifier.padding(horizontal = 16.dp, vertical = 10.dp)) }
    }
}

@Composable
private fun ModelMessage(
    message: Message,
    showsOrigins: Boolean,
) {
    val tokens = message.runs.sumOf { it.tokens }
    val accepted = message.runs.filter { it.accepted }.sumOf { it.tokens }
    val origin = pluralStringResource(R.plurals.chat_origin, tokens, accepted, tokens)
    val spoken = stringResource(R.string.chat_model, message.text) + ". " + origin
    Column(verticalArrangement = Arrangement.spacedBy(8.dp)) {
        if (message.thought.isNotBlank()) Thought(message.thought, hasAnswer = message.text.isNotEmpty())
        Text(
            if (showsOrigins) tinted(message) else AnnotatedString(message.text),
            Modifier.fillMaxWidth().testTag("reply").clearAndSetSemantics {
                contentDescription = spoken
                text = AnnotatedString(message.text)
            },
            style = MaterialTheme.typography.bodyLarge,
        )
    }
}

/** What can be done about what was said last. */
@OptIn(ExperimentalLayoutApi::class)
@Composable
private fun LastReplyActions(
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
        TextButton(actions.onTakeBack, Modifier.testTag("edit")) {
            Icon(Icons.Filled.Edit, contentDescription = null, Modifier.padding(end = 8.dp).size(18.dp))
            Text(stringResource(R.string.chat_take_back))
        }
    }
}

/** Each stretch on the colour of where it came from. */
@Composable
private fun tinted(message: Message): AnnotatedString {
    val colors = MaterialTheme.colorScheme
    val accepted = SpanStyle(colors.onPrimaryContainer, background = colors.primaryContainer)
    val own = SpanStyle(colors.onTertiaryContainer, background = colors.tertiaryContainer)
    return buildAnnotatedString {
        append(message.text)
        var begin = 0
        for (run in message.runs) {
            addStyle(if (run.accepted) accepted else own, begin, run.end)
            begin = run.end
        }
    }
}

@OptIn(ExperimentalLayoutApi::class)
@Composable
private fun Legend() {
    val colors = MaterialTheme.colorScheme
    FlowRow(horizontalArrangement = Arrangement.spacedBy(16.dp)) {
        Key(colors.primaryContainer, stringResource(R.string.chat_accepted))
        Key(colors.tertiaryContainer, stringResource(R.string.chat_own))
    }
}

@Composable
private fun Key(
    color: Color,
    text: String,
) {
    Row(verticalAlignment = Alignment.CenterVertically, horizontalArrangement = Arrangement.spacedBy(6.dp)) {
        Box(Modifier.size(14.dp).background(color, MaterialTheme.shapes.extraSmall))
        Text(
            text,
            style = MaterialTheme.typography.labelMedium,
            color = MaterialTheme.colorScheme.onSurfaceVariant,
        )
    }
}
