package dev.slipstream.app.chat

import androidx.compose.foundation.clickable
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.text.selection.SelectionContainer
import androidx.compose.material.icons.Icons
import androidx.compose.material.icons.filled.KeyboardArrowDown
import androidx.compose.material.icons.filled.KeyboardArrowUp
import androidx.compose.material3.Icon
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.unit.dp
import dev.slipstream.app.R
import dev.slipstream.app.chat.markdown.MarkdownView

/** What the model thought before it answered: open while there is no [hasAnswer], then a line that opens. */
@Composable
internal fun Thought(
    text: String,
    hasAnswer: Boolean,
) {
    var choice by rememberSaveable { mutableStateOf<Boolean?>(null) }
    val isOpen = choice ?: !hasAnswer
    Surface(
        color = MaterialTheme.colorScheme.surfaceContainerHigh,
        contentColor = MaterialTheme.colorScheme.onSurfaceVariant,
        shape = MaterialTheme.shapes.medium,
        modifier = Modifier.fillMaxWidth(),
    ) {
        Column {
            Row(
                Modifier
                    .fillMaxWidth()
                    .clickable { choice = !isOpen }
                    .testTag("thought-title")
                    .padding(horizontal = 12.dp, vertical = 12.dp),
                verticalAlignment = Alignment.CenterVertically,
            ) {
                val (title, arrow) =
                    when {
                        isOpen -> R.string.chat_thought_hide to Icons.Filled.KeyboardArrowUp
                        else -> R.string.chat_thought_show to Icons.Filled.KeyboardArrowDown
                    }
                Text(stringResource(title), Modifier.weight(1f), style = MaterialTheme.typography.labelLarge)
                Icon(arrow, contentDescription = null)
            }
            if (isOpen) {
                SelectionContainer {
                    MarkdownView(
                        text,
                        MaterialTheme.typography.bodyMedium,
                        Modifier.padding(start = 12.dp, end = 12.dp, bottom = 12.dp).testTag("thought"),
                    )
                }
            }
        }
    }
}
