package dev.slipstream.app.ui

import android.os.Build
import androidx.compose.foundation.isSystemInDarkTheme
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.dynamicDarkColorScheme
import androidx.compose.material3.dynamicLightColorScheme
import androidx.compose.runtime.Composable
import androidx.compose.ui.platform.LocalContext

/** The phone's own colours where it has them and [isDynamic], else ours; light or dark as the phone is. */
@Composable
internal fun SlipstreamTheme(
    isDynamic: Boolean,
    content: @Composable () -> Unit,
) {
    val isDark = isSystemInDarkTheme()
    val context = LocalContext.current
    val scheme =
        when {
            !isDynamic || Build.VERSION.SDK_INT < Build.VERSION_CODES.S -> if (isDark) DarkScheme else LightScheme
            isDark -> dynamicDarkColorScheme(context)
            else -> dynamicLightColorScheme(context)
        }
    MaterialTheme(colorScheme = scheme, content = content)
}
