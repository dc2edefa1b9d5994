package dev.slipstream.app.screens

import androidx.activity.compose.setContent
import androidx.compose.runtime.Composable
import androidx.compose.ui.test.junit4.ComposeTestRule
import androidx.test.core.app.ActivityScenario
import androidx.test.core.app.ApplicationProvider
import dev.slipstream.app.MainActivity
import dev.slipstream.app.TestApplication
import dev.slipstream.app.ui.SlipstreamTheme

/** What [look] finds in the app's window while [content] is in it, at rest. The app's database is closed after it. */
internal fun <T> ComposeTestRule.showing(
    content: @Composable () -> Unit,
    isDynamic: Boolean = false,
    look: (MainActivity) -> T,
): T {
    val seen =
        ActivityScenario.launch(MainActivity::class.java).use { scenario ->
            lateinit var activity: MainActivity
            scenario.onActivity {
                activity = it
                it.setContent { SlipstreamTheme(isDynamic, content) }
            }
            waitForIdle()
            look(activity)
        }
    ApplicationProvider.getApplicationContext<TestApplication>().restart()
    return seen
}
