package dev.slipstream.app.chat

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.text.KeyboardActions
import androidx.compose.foundation.text.KeyboardOptions
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
import androidx.compose.ui.input.key.Key
import androidx.compose.ui.input.key.KeyEvent
import androidx.compose.ui.input.key.KeyEventType
import androidx.compose.ui.input.key.isShiftPressed
import androidx.compose.ui.input.key.key
import androidx.compose.ui.input.key.onPreviewKeyEvent
import androidx.compose.ui.input.key.type
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.painterResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.text.TextRange
import androidx.compose.ui.text.input.ImeAction
import androidx.compose.ui.text.input.KeyboardCapitalization
import androidx.compose.ui.text.input.TextFieldValue
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
    var input by
        rememberSaveable(state.conversation, stateSaver = TextFieldValue.Saver) { mutableStateOf(typed(state.draft)) }
    val type = { typed: TextFieldValue ->
        val isOther = typed.text != input.text
        input = typed
        if (isOther) actions.onDraft(typed.text)
    }
    LaunchedEffect(state.takenBack) {
        state.takenBack?.let {
            type(typed(if (input.text.isBlank()) it else it + "\n" + input.text))
            actions.onTakenBackShown()
        }
    }
    val isReady = canSend && !state.isReplying && (input.text.isNotBlank() || state.canGoOn)
    val send = {
        if (isReady) {
            actions.onSend(input.text)
            input = TextFieldValue()
        }
    }
    Row(
        Modifier.fillMaxWidth(),
        horizontalArrangement = Arrangement.spacedBy(8.dp),
        verticalAlignment = Alignment.CenterVertically,
    ) {
        OutlinedTextField(
            input,
            type,
            Modifier.weight(1f).testTag("input").onPreviewKeyEvent { event ->
                onEnter(event, send) { type(input.withBreak()) }
            },
            // Until a conversation is there, with what was typed in it.
            enabled = state.conversation != null,
            label = { Text(stringResource(hint(state))) },
            maxLines = 4,
            keyboardOptions =
                KeyboardOptions(capitalization = KeyboardCapitalization.Sentences, imeAction = ImeAction.Send),
            keyboardActions = KeyboardActions(onSend = { send() }),
        )
        if (state.isReplying) {
            FilledIconButton(actions.onStop, Modifier.testTag("stop")) {
                Icon(painterResource(R.drawable.ic_stop), stringResource(R.string.stop))
            }
        } else {
            FilledIconButton(send, Modifier.testTag("send"), enabled = isReady) {
                Icon(Icons.AutoMirrored.Filled.Send, stringResource(R.string.chat_send))
            }
        }
    }
}

private fun hint(state: ChatState): Int =
    when {
        state.canGoOn -> R.string.chat_hint_go_on
        state.isChat -> R.string.chat_hint
        else -> R.string.chat_hint_plain
    }

private fun typed(text: String) = TextFieldValue(text, TextRange(text.length))

/** A keyboard's Enter sends, with Shift it breaks the line; whether [event] is one of the two. */
private fun onEnter(
    event: KeyEvent,
    onSend: () -> Unit,
    onBreak: () -> Unit,
): Boolean {
    if (event.key != Key.Enter && event.key != Key.NumPadEnter) return false
    if (event.type == KeyEventType.KeyDown) {
        if (event.isShiftPressed) {
            onBreak()
        } else {
            onSend()
        }
    }
    return true
}

/** With a new line in the place of what is selected. */
private fun TextFieldValue.withBreak() =
    TextFieldValue(
        text.replaceRange(selection.min, selection.max, "\n"),
        TextRange(selection.min + 1),
    )
