package dev.slipstream.app.ui

import androidx.compose.runtime.Composable
import androidx.compose.runtime.DisposableEffect
import androidx.compose.ui.platform.LocalView

/** The screen stays on while [isOn]: who watches a reply or an import does not touch it. */
@Composable
internal fun KeepScreenOn(isOn: Boolean) {
    val view = LocalView.current
    DisposableEffect(view, isOn) {
        view.keepScreenOn = isOn
        onDispose { view.keepScreenOn = false }
    }
}
