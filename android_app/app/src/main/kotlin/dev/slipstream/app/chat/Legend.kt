package dev.slipstream.app.chat

import androidx.compose.foundation.background
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.ExperimentalLayoutApi
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.size
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.unit.dp
import dev.slipstream.app.R
import dev.slipstream.app.chat.markdown.LocalShowsOrigins

/** What the tints say; nothing where they are hidden. */
@OptIn(ExperimentalLayoutApi::class)
@Composable
internal fun Legend() {
    if (!LocalShowsOrigins.current) return
    val colors = MaterialTheme.colorScheme
    FlowRow(Modifier.testTag("legend"), horizontalArrangement = Arrangement.spacedBy(16.dp)) {
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
