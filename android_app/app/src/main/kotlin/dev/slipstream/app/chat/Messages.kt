package dev.slipstream.app.chat

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.PaddingValues
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.LazyListState
import androidx.compose.foundation.lazy.itemsIndexed
import androidx.compose.foundation.lazy.rememberLazyListState
import androidx.compose.material.icons.Icons
import androidx.compose.material.icons.filled.KeyboardArrowDown
import androidx.compose.material3.Icon
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.SmallFloatingActionButton
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.unit.dp
import dev.slipstream.app.R
import dev.slipstream.app.ui.ReadingWidth
import kotlinx.coroutines.launch

/** What was said, the newest at the bottom and kept in sight while it grows, unless its user reads further up. */
@Composable
internal fun Messages(
    state: ChatState,
    canAsk: Boolean,
    actions: ChatActions,
    modifier: Modifier,
    list: LazyListState = rememberLazyListState(),
) {
    val last = state.messages.lastIndex
    val hasActions = canAsk && last >= 0 && !state.isReplying
    var isFollowing by following(list, state.messages.count { it.isUser })
    val length = state.messages.lastOrNull()?.let { it.text.length + it.thought.length }
    LaunchedEffect(state.messages.size, hasActions, length) { if (isFollowing) list.scrollToEnd() }
    Box(modifier.fillMaxWidth()) {
        LazyColumn(
            Modifier.fillMaxWidth().testTag("messages"),
            list,
            contentPadding = PaddingValues(16.dp),
            verticalArrangement = Arrangement.spacedBy(12.dp),
        ) {
            if (last < 0) item { ReadingWidth { Hint(state.isChat) } }
            itemsIndexed(state.messages) { index, message ->
                ReadingWidth {
                    Column(verticalArrangement = Arrangement.spacedBy(12.dp)) {
                        if (index > 0 && index == state.forgotten) ForgottenLine(state.forgotten)
                        if (message.isUser) {
                            val onEdit = { text: String -> actions.onEdit(index, text) }
                            UserMessage(message, onEdit.takeIf { hasActions })
                        } else {
                            ModelMessage(message, isGrowing = state.isReplying && index == last)
                        }
                    }
                }
            }
            if (hasActions) item { ReadingWidth { LastReplyActions(state, actions) } }
            item { ReadingWidth { Legend() } }
        }
        if (!isFollowing) ToTheEnd(list, Modifier.align(Alignment.BottomEnd)) { isFollowing = true }
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
private fun ToTheEnd(
    list: LazyListState,
    modifier: Modifier,
    onFollow: () -> Unit,
) {
    val scope = rememberCoroutineScope()
    SmallFloatingActionButton(
        {
            onFollow()
            scope.launch { list.scrollToEnd() }
        },
        modifier.padding(16.dp).testTag("to-the-end"),
    ) { Icon(Icons.Filled.KeyboardArrowDown, stringResource(R.string.chat_to_the_end)) }
}
