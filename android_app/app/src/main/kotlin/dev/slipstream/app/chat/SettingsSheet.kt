package dev.slipstream.app.chat

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.selection.toggleable
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.ExperimentalMaterial3Api
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.ModalBottomSheet
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Switch
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.material3.rememberModalBottomSheetState
import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.Role
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import dev.slipstream.ModelInfo
import dev.slipstream.app.R
import dev.slipstream.app.history.ChatSettings

/** The settings of one conversation, over it. */
@OptIn(ExperimentalMaterial3Api::class)
@Composable
internal fun SettingsSheet(
    settings: ChatSettings,
    isChat: Boolean,
    info: ModelInfo,
    onChange: (ChatSettings) -> Unit,
    onDismiss: () -> Unit,
) {
    ModalBottomSheet(onDismiss, sheetState = rememberModalBottomSheetState(skipPartiallyExpanded = true)) {
        SettingsForm(settings, isChat, info, onChange)
    }
}

/** What is left empty is as the bundle has it; a value that is not allowed is not taken. */
@Composable
internal fun SettingsForm(
    settings: ChatSettings,
    isChat: Boolean,
    info: ModelInfo,
    onChange: (ChatSettings) -> Unit,
) {
    Column(
        Modifier
            .verticalScroll(rememberScrollState())
            .padding(start = 16.dp, end = 16.dp, bottom = 24.dp)
            .testTag("settings"),
        verticalArrangement = Arrangement.spacedBy(12.dp),
    ) {
        Text(
            stringResource(R.string.settings_title),
            Modifier.semantics { heading() },
            style = MaterialTheme.typography.titleLarge,
        )
        if (isChat && info.hasSystem) System(settings, onChange)
        if (isChat && info.hasThinking) {
            Choice(R.string.chat_thinking, "thinking", settings.isThinking) { onChange(settings.copy(isThinking = it)) }
        }
        SamplingFields(settings, info, onChange)
        if (info.draftLengths.isNotEmpty()) {
            Text(stringResource(R.string.drafting), style = MaterialTheme.typography.labelLarge)
            DraftingSwitch(settings.drafting) { onChange(settings.copy(drafting = it)) }
        }
        Choice(R.string.settings_origins, "origins", settings.showsOrigins) {
            onChange(settings.copy(showsOrigins = it))
        }
        Choice(R.string.settings_figures, "figures", settings.showsFigures) {
            onChange(settings.copy(showsFigures = it))
        }
        TextButton({ onChange(settings.asTheBundle()) }, Modifier.testTag("settings-reset")) {
            Text(stringResource(R.string.settings_reset))
        }
    }
}

private fun ChatSettings.asTheBundle() = copy(temperature = null, topK = null, topP = null, maxNewTokens = null)

@Composable
private fun System(
    settings: ChatSettings,
    onChange: (ChatSettings) -> Unit,
) {
    OutlinedTextField(
        settings.system,
        { onChange(settings.copy(system = it)) },
        Modifier.fillMaxWidth().testTag("system"),
        label = { Text(stringResource(R.string.settings_system)) },
        maxLines = 6,
    )
}

@Composable
private fun Choice(
    text: Int,
    tag: String,
    isOn: Boolean,
    onChange: (Boolean) -> Unit,
) {
    Row(
        Modifier
            .fillMaxWidth()
            .toggleable(isOn, role = Role.Switch, onValueChange = onChange)
            .testTag("setting-$tag")
            .padding(vertical = 8.dp),
        horizontalArrangement = Arrangement.spacedBy(12.dp),
        verticalAlignment = Alignment.CenterVertically,
    ) {
        Text(stringResource(text), Modifier.weight(1f))
        Switch(isOn, onCheckedChange = null)
    }
}
