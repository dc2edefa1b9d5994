package dev.slipstream.app.setup

import androidx.compose.foundation.layout.ColumnScope
import androidx.compose.foundation.layout.Spacer
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.height
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.widthIn
import androidx.compose.foundation.text.selection.SelectionContainer
import androidx.compose.material3.Button
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedButton
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.font.FontFamily
import androidx.compose.ui.unit.dp
import dev.slipstream.app.R
import dev.slipstream.app.model.name
import dev.slipstream.app.setup.SetupState.Phase
import dev.slipstream.app.storage.StoredBundle
import dev.slipstream.app.storage.megabytes
import dev.slipstream.app.ui.ProblemCard
import dev.slipstream.app.ui.ReadingPage

/** What the setup's screen can ask for. */
internal class SetupActions(
    val onPick: () -> Unit,
    val onLookAgain: () -> Unit,
    val onStop: () -> Unit,
    val onLoadAnyway: () -> Unit,
    val onChooseAnother: () -> Unit,
    val onUse: (StoredBundle) -> Unit,
)

/** The first start: how to get a bundle in, how far it is, what it needs. */
@Composable
internal fun SetupScreen(
    state: SetupState,
    advice: SetupAdvice,
    actions: SetupActions,
) {
    Scaffold { inner ->
        ReadingPage(Modifier.padding(inner), 24.dp) {
            Spacer(Modifier.height(24.dp))
            Text(
                stringResource(R.string.app_name),
                Modifier.semantics { heading() },
                style = MaterialTheme.typography.displaySmall,
                color = MaterialTheme.colorScheme.primary,
            )
            state.problem?.let { ProblemCard(it) }
            state.need?.let { NeedCard(it, state) }
            Phase(state, advice, actions)
        }
    }
}

@Composable
private fun ColumnScope.Phase(
    state: SetupState,
    advice: SetupAdvice,
    actions: SetupActions,
) {
    when (state.phase) {
        Phase.LOOKING -> {
            Text(stringResource(R.string.setup_looking))
        }

        Phase.EMPTY -> {
            HowTo(state, advice, actions)
        }

        Phase.IMPORTING, Phase.CHECKING -> {
            Progress(state, actions.onStop)
        }

        Phase.ASKING -> {
            Text(stringResource(R.string.setup_memory_short), Modifier.testTag("asking"))
            Button(actions.onLoadAnyway, Modifier.fillMaxWidth()) { Text(stringResource(R.string.setup_load_anyway)) }
            OutlinedButton(actions.onChooseAnother, Modifier.fillMaxWidth()) {
                Text(stringResource(R.string.setup_choose_another))
            }
        }

        Phase.LOADING, Phase.LOADED -> {
            Text(stringResource(R.string.setup_loading))
        }
    }
}

@Composable
private fun HowTo(
    state: SetupState,
    advice: SetupAdvice,
    actions: SetupActions,
) {
    Text(stringResource(R.string.setup_how), style = MaterialTheme.typography.bodyLarge)
    val drafter = advice.drafterId ?: stringResource(R.string.need_no_drafter)
    Text(
        stringResource(R.string.setup_made_for, advice.targetId, drafter, advice.recipe, megabytes(advice.size)),
        style = MaterialTheme.typography.bodySmall,
        color = MaterialTheme.colorScheme.onSurfaceVariant,
    )
    if (state.unfinished > 0) Text(stringResource(R.string.setup_unfinished, megabytes(state.unfinished)))
    for (bundle in state.bundles.filter { it.need != null }) {
        OutlinedButton({ actions.onUse(bundle) }, Modifier.fillMaxWidth().testTag("use")) {
            Text(stringResource(R.string.setup_use, bundle.name(), megabytes(bundle.bytes)))
        }
    }
    Button(actions.onPick, Modifier.fillMaxWidth().testTag("pick")) { Text(stringResource(R.string.setup_pick)) }
    Surface(
        color = MaterialTheme.colorScheme.surfaceContainerHigh,
        shape = MaterialTheme.shapes.medium,
        modifier = Modifier.fillMaxWidth(),
    ) {
        SelectionContainer {
            Text(
                advice.pushLine,
                Modifier.padding(16.dp),
                style = MaterialTheme.typography.bodySmall.copy(fontFamily = FontFamily.Monospace),
            )
        }
    }
    OutlinedButton(actions.onLookAgain, Modifier.fillMaxWidth().testTag("look")) {
        Text(stringResource(R.string.setup_pushed))
    }
    Text(
        stringResource(R.string.setup_free_space, megabytes(state.freeSpace)),
        Modifier.widthIn(min = 0.dp),
        style = MaterialTheme.typography.bodySmall,
        color = MaterialTheme.colorScheme.onSurfaceVariant,
    )
}

@Composable
private fun Progress(
    state: SetupState,
    onStop: () -> Unit,
) {
    val progress = state.progress
    val label =
        when {
            state.phase == Phase.IMPORTING -> stringResource(R.string.setup_copying)
            progress?.section == null -> stringResource(R.string.setup_checking)
            else -> stringResource(R.string.setup_checking_section, progress.section)
        }
    Text(label, style = MaterialTheme.typography.bodyLarge)
    LinearProgressIndicator({ progress?.fraction ?: 0f }, Modifier.fillMaxWidth().testTag("progress"))
    if (progress != null && progress.total > 0) {
        Text(
            stringResource(R.string.setup_progress, megabytes(progress.done), megabytes(progress.total)),
            style = MaterialTheme.typography.bodySmall,
            color = MaterialTheme.colorScheme.onSurfaceVariant,
        )
    }
    OutlinedButton(onStop) { Text(stringResource(R.string.setup_stop)) }
}
