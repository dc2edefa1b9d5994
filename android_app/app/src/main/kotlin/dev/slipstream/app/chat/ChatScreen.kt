package dev.slipstream.app.chat

import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Spacer
import androidx.compose.foundation.layout.consumeWindowInsets
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.height
import androidx.compose.foundation.layout.imePadding
import androidx.compose.foundation.layout.padding
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.CompositionLocalProvider
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.unit.dp
import dev.slipstream.ModelInfo
import dev.slipstream.app.R
import dev.slipstream.app.chat.markdown.LocalShowsOrigins
import dev.slipstream.app.ui.ProblemCard
import dev.slipstream.app.ui.ReadingWidth
import dev.slipstream.app.ui.WithLinks

/** The conversation over [info]; with [isUnloaded] the model was given back and can be loaded again. */
@Composable
internal fun ChatScreen(
    state: ChatState,
    info: ModelInfo,
    isUnloaded: Boolean,
    actions: ChatActions,
) {
    var showsSettings by rememberSaveable { mutableStateOf(false) }
    if (showsSettings) {
        SettingsSheet(state.settings, state.isChat, info, actions.onSettings) { showsSettings = false }
    }
    Scaffold(topBar = { ChatBar(state, info, actions) { showsSettings = true } }) { inner ->
        Column(
            Modifier
                .padding(inner)
                .consumeWindowInsets(inner)
                .imePadding()
                .fillMaxSize(),
        ) {
            CompositionLocalProvider(LocalShowsOrigins provides state.settings.showsOrigins) {
                WithLinks { Messages(state, canAsk = !isUnloaded, actions, Modifier.weight(1f)) }
            }
            state.problem?.let { ReadingWidth { ProblemCard(it, Modifier.padding(horizontal = 16.dp)) } }
            if (state.isUnsaved) {
                Notice(stringResource(R.string.chat_unsaved), stringResource(R.string.chat_keep), actions.onKeepAgain)
            }
            if (isUnloaded) {
                Notice(stringResource(R.string.chat_unloaded), stringResource(R.string.chat_reload), actions.onReload)
            }
            Surface(color = MaterialTheme.colorScheme.surfaceContainer) {
                ReadingWidth(Modifier.padding(horizontal = 16.dp, vertical = 8.dp)) {
                    Column { Controls(state, info, isUnloaded, actions) }
                }
            }
        }
    }
}

@Composable
private fun Controls(
    state: ChatState,
    info: ModelInfo,
    isUnloaded: Boolean,
    actions: ChatActions,
) {
    val reading = state.reading
    if (reading != null) {
        ReadingLine(reading)
    } else if (state.settings.showsFigures) {
        MeterLine(state.meter)
    }
    if (state.usedTokens > 0) ContextLine(state.usedTokens, info.contextLength)
    if (info.hasThinking && state.isChat) {
        ThinkingSwitch(state.isThinking) { actions.onSettings(state.settings.copy(isThinking = it)) }
    }
    Spacer(Modifier.height(4.dp))
    InputRow(state, canSend = !isUnloaded && state.conversation != null, actions)
}

@Composable
private fun Notice(
    text: String,
    button: String,
    onClick: () -> Unit,
) {
    Surface(
        color = MaterialTheme.colorScheme.tertiaryContainer,
        contentColor = MaterialTheme.colorScheme.onTertiaryContainer,
        shape = MaterialTheme.shapes.medium,
        modifier = Modifier.padding(16.dp).testTag("notice"),
    ) {
        Column(Modifier.padding(start = 16.dp, top = 12.dp, end = 16.dp)) {
            Text(text)
            TextButton(onClick) { Text(button, color = MaterialTheme.colorScheme.onTertiaryContainer) }
        }
    }
}
