package dev.slipstream.app.chat

import androidx.compose.foundation.clickable
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.ExperimentalLayoutApi
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.SegmentedButton
import androidx.compose.material3.SegmentedButtonDefaults
import androidx.compose.material3.SingleChoiceSegmentedButtonRow
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.Role
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import dev.slipstream.Drafting
import dev.slipstream.ReplyFigures
import dev.slipstream.app.R
import java.util.Locale

/**
 * What drafting does, now; touched, also the figures behind it. Takes its room before there is anything to tell, so that
 * nothing jumps.
 */
@OptIn(ExperimentalLayoutApi::class)
@Composable
internal fun MeterLine(meter: ReplyFigures?) {
    val items = if (meter == null) listOf("") else meterTexts(meter)
    var isOpen by rememberSaveable { mutableStateOf(false) }
    val details = stringResource(if (isOpen) R.string.figures_hide else R.string.figures_show)
    val touch =
        if (meter ==
            null
        ) {
            Modifier
        } else {
            Modifier.clickable(onClickLabel = details, role = Role.Button) { isOpen = !isOpen }
        }
    FlowRow(
        touch.fillMaxWidth().testTag("meter").semantics(mergeDescendants = true) {},
        horizontalArrangement = Arrangement.spacedBy(8.dp),
    ) {
        for (item in items) Text(item, style = MaterialTheme.typography.labelMedium)
    }
    if (meter != null && isOpen) DraftingDetails(meter)
}

@Composable
private fun meterTexts(meter: ReplyFigures): List<String> {
    val speed =
        String.format(
            Locale.getDefault(),
            if (meter.tokensPerSecond <
                100
            ) {
                "%.1f"
            } else {
                "%.0f"
            },
            meter.tokensPerSecond,
        )
    val length = String.format(Locale.getDefault(), "%.2f", meter.meanAcceptedLength)
    val rate = meter.acceptanceRate?.let { String.format(Locale.getDefault(), "%.0f %%", it * 100) }
    return listOfNotNull(
        stringResource(R.string.meter_speed, speed),
        rate?.let { stringResource(R.string.meter_acceptance, it) },
        stringResource(R.string.meter_length, length),
        if (meter.draftTokens > 0) {
            stringResource(R.string.meter_drafts, meter.draftTokens)
        } else {
            stringResource(R.string.meter_plain)
        },
    )
}

/** Auto, on or off. */
@Composable
internal fun DraftingSwitch(
    drafting: Drafting,
    onDrafting: (Drafting) -> Unit,
) {
    val names =
        mapOf(
            Drafting.AUTO to R.string.drafting_auto,
            Drafting.ON to R.string.drafting_on,
            Drafting.OFF to R.string.drafting_off,
        )
    val title = stringResource(R.string.drafting)
    SingleChoiceSegmentedButtonRow(Modifier.fillMaxWidth().semantics { contentDescription = title }) {
        names.entries.forEachIndexed { index, (choice, name) ->
            val text = stringResource(name)
            SegmentedButton(
                selected = choice == drafting,
                onClick = { onDrafting(choice) },
                shape = SegmentedButtonDefaults.itemShape(index, names.size),
                modifier = Modifier.testTag("drafting-$choice").semantics { contentDescription = "$title: $text" },
            ) { Text(text, maxLines = 1) }
        }
    }
}
