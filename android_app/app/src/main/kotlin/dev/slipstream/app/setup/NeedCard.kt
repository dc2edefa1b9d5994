package dev.slipstream.app.setup

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.material3.Card
import androidx.compose.material3.CardDefaults
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.unit.dp
import dev.slipstream.BundleNeed
import dev.slipstream.app.R
import dev.slipstream.app.storage.megabytes

/** What the bundle is and what it asks of this phone, beside what the phone has. */
@Composable
internal fun NeedCard(
    need: BundleNeed,
    state: SetupState,
) {
    val colors = MaterialTheme.colorScheme
    Card(
        Modifier.fillMaxWidth().testTag("need"),
        colors = CardDefaults.cardColors(colors.surfaceContainerHigh, colors.onSurface),
    ) {
        Column(Modifier.padding(16.dp), verticalArrangement = Arrangement.spacedBy(4.dp)) {
            Text(need.targetId, style = MaterialTheme.typography.titleMedium)
            val drafter = need.drafterId ?: stringResource(R.string.need_no_drafter)
            Text(stringResource(R.string.need_facts, drafter, need.recipe, need.contextLength))
            Text(stringResource(R.string.need_memory, megabytes(need.memoryBytes), megabytes(state.freeMemory)))
            val space = need.fileBytes + need.packedBytes
            Text(stringResource(R.string.need_space, megabytes(space), megabytes(state.freeSpace)))
            if (state.isSpaceShort) {
                Text(stringResource(R.string.need_space_short), Modifier.testTag("space-short"))
            }
        }
    }
}
