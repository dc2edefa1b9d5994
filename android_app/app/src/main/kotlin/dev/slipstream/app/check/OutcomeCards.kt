package dev.slipstream.app.check

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.material3.Card
import androidx.compose.material3.CardDefaults
import androidx.compose.material3.LocalTextStyle
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.pluralStringResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.TextStyle
import androidx.compose.ui.text.style.TextAlign
import androidx.compose.ui.unit.dp
import dev.slipstream.CheckOutcome
import dev.slipstream.app.R
import java.util.Locale

/** Pass or the first difference, then the bench. */
@Composable
internal fun OutcomeCards(
    outcome: CheckOutcome,
    thermalStatus: String,
) {
    val colors = MaterialTheme.colorScheme
    val verdict =
        if (outcome.passed) {
            CardDefaults.cardColors(colors.primaryContainer, colors.onPrimaryContainer)
        } else {
            CardDefaults.cardColors(colors.errorContainer, colors.onErrorContainer)
        }
    Card(
        Modifier.fillMaxWidth().testTag("verdict").semantics { liveRegion = LiveRegionMode.Assertive },
        colors = verdict,
    ) {
        Column(Modifier.padding(16.dp), verticalArrangement = Arrangement.spacedBy(4.dp)) {
            val title = if (outcome.passed) R.string.check_passed else R.string.check_failed
            Text(stringResource(title), style = MaterialTheme.typography.titleLarge)
            val rounds = outcome.rounds.values.sum()
            Text(pluralStringResource(R.plurals.check_rounds, rounds, rounds))
            outcome.firstDifference?.let { Text(it, style = MaterialTheme.typography.bodySmall) }
            val forks = outcome.targetForks + outcome.draftForks
            if (forks > 0) Text(pluralStringResource(R.plurals.check_forks, forks, forks))
        }
    }
    Bench(outcome.bench)
    Text(
        stringResource(R.string.check_thermal, thermalStatus),
        style = MaterialTheme.typography.bodySmall,
        color = colors.onSurfaceVariant,
    )
}

@Composable
private fun Bench(bench: Map<String, Map<String, Any?>>) {
    val colors = MaterialTheme.colorScheme
    Card(
        Modifier.fillMaxWidth().testTag("bench"),
        colors = CardDefaults.cardColors(colors.surfaceContainerHigh, colors.onSurface),
    ) {
        Column(Modifier.padding(16.dp), verticalArrangement = Arrangement.spacedBy(8.dp)) {
            val small = MaterialTheme.typography.labelMedium
            Cells(
                stringResource(R.string.check_speed),
                stringResource(R.string.check_column_speed),
                stringResource(R.string.check_column_ratio),
                stringResource(R.string.check_column_accepted),
                small.copy(color = colors.onSurfaceVariant),
            )
            for ((name, row) in bench) BenchRow(name, row)
        }
    }
}

@Composable
private fun BenchRow(
    name: String,
    row: Map<String, Any?>,
) {
    val length = name.removePrefix("drafted_").toIntOrNull()
    val label =
        if (name == "auto") {
            stringResource(R.string.drafting_auto)
        } else if (length == null) {
            stringResource(R.string.check_plain)
        } else {
            pluralStringResource(R.plurals.check_drafted, length, length)
        }
    val speed = String.format(Locale.getDefault(), "%.1f", row["tokens_per_second"])
    val ratio = String.format(Locale.getDefault(), "×%.2f", row["ratio_to_plain"])
    val acceptance =
        (row["acceptance_rate"] as? Double)?.let { String.format(Locale.getDefault(), "%.0f %%", it * 100) } ?: "–"
    Cells(label, speed, ratio, acceptance, LocalTextStyle.current)
}

/** One row for sighted eyes, one sentence for TalkBack. */
@Composable
private fun Cells(
    label: String,
    speed: String,
    ratio: String,
    acceptance: String,
    style: TextStyle,
) {
    Row(
        Modifier.fillMaxWidth().semantics(mergeDescendants = true) {},
        horizontalArrangement = Arrangement.spacedBy(8.dp),
    ) {
        Text(label, Modifier.weight(1f), style = style)
        Text(speed, Modifier.weight(1f), style = style, textAlign = TextAlign.End)
        Text(ratio, Modifier.weight(1f), style = style, textAlign = TextAlign.End)
        Text(acceptance, Modifier.weight(1f), style = style, textAlign = TextAlign.End)
    }
}
