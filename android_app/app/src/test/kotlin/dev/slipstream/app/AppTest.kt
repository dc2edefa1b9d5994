package dev.slipstream.app

import androidx.compose.ui.test.junit4.createEmptyComposeRule
import androidx.compose.ui.test.onAllNodesWithTag
import androidx.compose.ui.test.onAllNodesWithText
import androidx.test.core.app.ActivityScenario
import androidx.test.core.app.ApplicationProvider
import org.junit.After
import org.junit.Rule
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** A real window over the app's real models; each test chooses the engine and the bundle before it opens one. */
@RunWith(RobolectricTestRunner::class)
abstract class AppTest {
    @get:Rule val rule = createEmptyComposeRule()
    internal val app: TestApplication get() = ApplicationProvider.getApplicationContext()
    internal var scenario: ActivityScenario<MainActivity>? = null

    internal fun open(): ActivityScenario<MainActivity> =
        ActivityScenario.launch(MainActivity::class.java).also { scenario = it }

    @After
    fun close() {
        scenario?.close()
    }

    internal fun await(condition: () -> Boolean) =
        rule.waitUntil(TIMEOUT_MILLIS) {
            // The main thread is this one: without it nothing that was posted to it would ever run.
            rule.waitForIdle()
            condition()
        }

    internal fun awaitTag(tag: String) = await { rule.onAllNodesWithTag(tag).fetchSemanticsNodes().isNotEmpty() }

    internal fun awaitText(text: String) =
        await { rule.onAllNodesWithText(text, substring = true).fetchSemanticsNodes().isNotEmpty() }

    private companion object {
        const val TIMEOUT_MILLIS = 60_000L
    }
}
