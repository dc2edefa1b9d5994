package dev.slipstream.app

import android.app.Activity
import android.content.Intent
import android.net.Uri
import androidx.compose.ui.test.junit4.createEmptyComposeRule
import androidx.compose.ui.test.onAllNodesWithTag
import androidx.compose.ui.test.onAllNodesWithText
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performScrollTo
import androidx.test.core.app.ActivityScenario
import androidx.test.core.app.ApplicationProvider
import dev.slipstream.app.chat.Conversation
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Rule
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import java.io.File

/** A real window over the app's real models; each test chooses the engine and the bundle before it opens one. */
@RunWith(RobolectricTestRunner::class)
abstract class AppTest {
    @get:Rule val rule = createEmptyComposeRule()
    internal val app: TestApplication get() = ApplicationProvider.getApplicationContext()
    internal var scenario: ActivityScenario<MainActivity>? = null

    internal fun open(): ActivityScenario<MainActivity> =
        ActivityScenario.launch(MainActivity::class.java).also { scenario = it }

    /** What the system's file picker would return. */
    internal fun pick(
        bytes: ByteArray,
        button: String = "pick",
    ) {
        val file = File(app.cacheDir, "picked.litertlm").also { it.writeBytes(bytes) }
        rule.onNodeWithTag(button).performScrollTo().performClick()
        scenario!!.onActivity { activity ->
            val asked = shadowOf(activity).nextStartedActivityForResult
            assertEquals(Intent.ACTION_OPEN_DOCUMENT, asked.intent.action)
            val answer = Intent().setData(Uri.fromFile(file))
            shadowOf(activity).receiveResult(asked.intent, Activity.RESULT_OK, answer)
        }
    }

    /** The chat's screen with a conversation, which the store has read. */
    internal fun awaitChat() {
        awaitTag("send")
        await { app.services.chat.state.value.conversation != null }
        rule.waitForIdle()
    }

    /** What the next process will find: the conversation that was opened last. */
    internal fun stored(): Conversation = runBlocking { checkNotNull(app.services.conversations.latest()) }

    @After
    fun close() {
        scenario?.close()
    }

    @After
    fun end() = app.restart()

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
