package dev.slipstream.app.chat

import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import dev.slipstream.ReplyFigures
import dev.slipstream.SourceFigures
import dev.slipstream.app.R
import java.util.Locale

/** With large letters the rest of the lines is scrolled to: the conversation stays in sight. */
private val MOST_HEIGHT = 112.dp

/** A reply's drafts in figures: each source, rounds by length, trials. */
@Composable
internal fun DraftingDetails(figures: ReplyFigures) {
    Column(
        Modifier
            .fillMaxWidth()
            .padding(bottom = 8.dp)
            .heightIn(max = MOST_HEIGHT)
            .verticalScroll(rememberScrollState())
            .testTag("drafting-details")
            .semantics(mergeDescendants = true) {},
    ) {
        figures.drafter?.let { Line(source(R.string.figures_drafter, it)) }
        figures.ngram?.let { Line(source(R.string.figures_ngram, it)) }
        if (figures.roundsByLength.isNotEmpty()) {
            val rounds = figures.roundsByLength.entries.joinToString { (length, count) -> "$length: $count" }
            Line(stringResource(R.string.figures_rounds, rounds))
        }
        Line(stringResource(R.string.figures_probe, String.format(Locale.getDefault(), "%.1f", figures.probeSeconds)))
    }
}

@Composable
private fun source(
    name: Int,
    figures: SourceFigures,
): String =
    stringResource(
        name,
        percent(figures.acceptanceRate),
        figures.drafted,
        figures.ratesByPosition.joinToString {
            percent(it)
        },
    )

private fun percent(rate: Double): String = String.format(Locale.getDefault(), "%.0f\u00a0%%", rate * 100)

@Composable
private fun Line(text: String) {
    Text(
        text,
        style = MaterialTheme.typography.bodySmall,
        color = MaterialTheme.colorScheme.onSurfaceVariant,
    )
}
