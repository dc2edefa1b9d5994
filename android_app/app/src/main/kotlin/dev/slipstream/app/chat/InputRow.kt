package dev.slipstream.app.chat

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.material.icons.Icons
import androidx.compose.material.icons.automirrored.filled.Send
import androidx.compose.material3.FilledIconButton
import androidx.compose.material3.Icon
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.painterResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.unit.dp
import dev.slipstream.app.R

/**
 * Where the user types, and the button that sends or stops. What was typed survives the process; what was taken back is
 * there again, before what was typed meanwhile.
 */
@Composable
internal fun InputRow(
    state: ChatState,
    canSend: Boolean,
    actions: ChatActions,
) {
    var text by rememberSaveable(state.conversation) { mutableStateOf(state.draft) }
    val type = { typed: String ->
        text = typed
        actions.onDraft(typed)
    }
    LaunchedEffect(state.takenBack) {
        state.takenBack?.let {
            type(if (text.isBlank()) it else it + "\n" + text)
            actions.onTakenBackShown()
        }
    }
    val hint =
        when {
            state.canGoOn -> R.string.chat_hint_go_on
            state.isChat -> R.string.chat_hint
            else -> R.string.chat_hint_plain
        }
    Row(
        Modifier.fillMaxWidth(),
        horizontalArrangement = Arrangement.spacedBy(8.dp),
        verticalAlignment = Alignment.CenterVertically,
    ) {
        OutlinedTextField(
            text,
            type,
            Modifier.weight(1f).testTag("input"),
            // Until a conversation is there, with what was typed in it.
            enabled = state.conversation != null,
            label = { Text(stringResource(hint)) },
            maxLines = 4,
        )
        if (state.isReplying) {
            FilledIconButton(actions.onStop, Modifier.testTag("stop")) {
                Icon(painterResource(R.drawable.ic_stop), stringResource(R.string.stop))
            }
        } else {
            FilledIconButton(
                {
                    actions.onSend(text)
                    text = ""
                },
                Modifier.testTag("send"),
                enabled = canSend && (text.isNotBlank() || state.canGoOn),
            ) { Icon(Icons.AutoMirrored.Filled.Send, stringResource(R.string.chat_send)) }
        }
    }
}
