package dev.slipstream.app.chat

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.text.KeyboardOptions
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.text.input.KeyboardCapitalization
import dev.slipstream.app.R

/** In the place of a message that was said, [text], which is sent again as it is edited here. */
@Composable
internal fun EditMessage(
    text: String,
    onDone: () -> Unit,
    onSend: (String) -> Unit,
) {
    var edited by rememberSaveable { mutableStateOf(text) }
    Column {
        OutlinedTextField(
            edited,
            { edited = it },
            Modifier.fillMaxWidth().testTag("edited"),
            label = { Text(stringResource(R.string.chat_edit_title)) },
            supportingText = { Text(stringResource(R.string.chat_edit_text)) },
            maxLines = 8,
            keyboardOptions = KeyboardOptions(capitalization = KeyboardCapitalization.Sentences),
        )
        Row(Modifier.fillMaxWidth(), Arrangement.End) {
            TextButton(onDone) { Text(stringResource(R.string.cancel)) }
            TextButton(
                {
                    onDone()
                    onSend(edited)
                },
                Modifier.testTag("send-edited"),
                enabled = edited.isNotBlank(),
            ) { Text(stringResource(R.string.chat_send)) }
        }
    }
}
