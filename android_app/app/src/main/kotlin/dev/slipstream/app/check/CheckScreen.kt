package dev.slipstream.app.check

import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.material.icons.Icons
import androidx.compose.material.icons.automirrored.filled.ArrowBack
import androidx.compose.material3.Button
import androidx.compose.material3.ExperimentalMaterial3Api
import androidx.compose.material3.Icon
import androidx.compose.material3.IconButton
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedButton
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Text
import androidx.compose.material3.TopAppBar
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import dev.slipstream.CheckStep
import dev.slipstream.app.R
import dev.slipstream.app.ui.ProblemCard
import dev.slipstream.app.ui.ReadingPage

/** What the self-check's screen can ask for. */
internal class CheckActions(
    val onRun: () -> Unit,
    val onStop: () -> Unit,
    val onShare: () -> Unit,
    val onBack: () -> Unit,
)

/** Does this phone compute what the bundle's traces say, and what does drafting bring here. */
@OptIn(ExperimentalMaterial3Api::class)
@Composable
internal fun CheckScreen(
    state: CheckState,
    actions: CheckActions,
) {
    Scaffold(
        topBar = {
            TopAppBar(
                title = { Text(stringResource(R.string.check_title)) },
                navigationIcon = {
                    IconButton(actions.onBack) {
                        Icon(Icons.AutoMirrored.Filled.ArrowBack, stringResource(R.string.back))
                    }
                },
            )
        },
    ) { inner ->
        ReadingPage(Modifier.padding(inner), 16.dp) {
            Text(stringResource(R.string.check_what), style = MaterialTheme.typography.bodyLarge)
            Buttons(state, actions)
            state.problem?.let { ProblemCard(it) }
            if (state.isCancelled) Text(stringResource(R.string.check_cancelled))
            state.outcome?.let { OutcomeCards(it, state.thermalStatus.orEmpty()) }
        }
    }
}

@Composable
private fun Buttons(
    state: CheckState,
    actions: CheckActions,
) {
    val step = state.step
    if (step == null) {
        Button(actions.onRun, Modifier.fillMaxWidth().testTag("check")) { Text(stringResource(R.string.check_run)) }
    } else {
        Text(
            describe(step),
            Modifier.testTag("step").semantics { liveRegion = LiveRegionMode.Polite },
            style = MaterialTheme.typography.titleMedium,
        )
        OutlinedButton(actions.onStop, Modifier.fillMaxWidth()) { Text(stringResource(R.string.stop)) }
    }
    if (state.outcome != null) {
        OutlinedButton(actions.onShare, Modifier.fillMaxWidth().testTag("share")) {
            Text(stringResource(R.string.check_share))
        }
    }
}

@Composable
private fun describe(step: CheckStep): String =
    when (step.kind) {
        CheckStep.Kind.BYTES -> stringResource(R.string.check_bytes)
        CheckStep.Kind.TRACE -> stringResource(R.string.check_trace, step.detail)
        CheckStep.Kind.BENCH -> stringResource(R.string.check_bench)
    }
