package dev.slipstream.app.chat

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import dev.slipstream.ReplyEvent
import dev.slipstream.app.R

/** How much of a long prompt is read. */
@Composable
internal fun ReadingLine(reading: ReplyEvent.Prefill) {
    Column(
        Modifier.fillMaxWidth().testTag("reading").semantics(mergeDescendants = true) {},
        verticalArrangement = Arrangement.spacedBy(4.dp),
    ) {
        Text(
            stringResource(R.string.chat_reading, reading.done, reading.total),
            style = MaterialTheme.typography.labelMedium,
        )
        LinearProgressIndicator({ reading.done.toFloat() / reading.total }, Modifier.fillMaxWidth())
    }
}
