package dev.slipstream.app.chat

import androidx.compose.material.icons.Icons
import androidx.compose.material.icons.filled.Check
import androidx.compose.material3.FilterChip
import androidx.compose.material3.Icon
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import dev.slipstream.app.R

/** Whether the model thinks before it answers. */
@Composable
internal fun ThinkingSwitch(
    isThinking: Boolean,
    onThinking: (Boolean) -> Unit,
) {
    FilterChip(
        isThinking,
        { onThinking(!isThinking) },
        { Text(stringResource(R.string.chat_thinking)) },
        Modifier.testTag("thinking"),
        leadingIcon = if (isThinking) ({ Icon(Icons.Filled.Check, contentDescription = null) }) else null,
    )
}
