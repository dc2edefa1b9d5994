package dev.slipstream.app.chat

import androidx.activity.compose.setContent
import androidx.compose.foundation.lazy.LazyListState
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.test.junit4.createEmptyComposeRule
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performTouchInput
import androidx.compose.ui.test.swipeDown
import androidx.compose.ui.test.swipeUp
import androidx.test.core.app.ActivityScenario
import androidx.test.core.app.ApplicationProvider
import dev.slipstream.app.MainActivity
import dev.slipstream.app.TestApplication
import dev.slipstream.app.screens.NO_ACTIONS
import dev.slipstream.app.ui.SlipstreamTheme
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** Where the conversation is scrolled to while a reply grows. */
@RunWith(RobolectricTestRunner::class)
class ScrollTest {
    @get:Rule val rule = createEmptyComposeRule()
    private val list = LazyListState()
    private var paragraphs = 0
    private var state by mutableStateOf(ChatState())
    private val place get() = list.firstVisibleItemIndex to list.firstVisibleItemScrollOffset

    private fun grow(more: Int = 1) {
        paragraphs += more
        val text = (1..paragraphs).joinToString("\n\n") { "Paragraph $it of a reply that is longer than the window." }
        rule.runOnIdle {
            state =
                state.copy(
                    messages = listOf(Message(isUser = true, "Go"), Message(isUser = false, text)),
                    isReplying = true,
                )
        }
        rule.waitForIdle()
    }

    private fun inWindow(test: () -> Unit) {
        ActivityScenario.launch(MainActivity::class.java).use { scenario ->
            scenario.onActivity { activity ->
                activity.setContent {
                    SlipstreamTheme(false) { Messages(state, canAsk = true, NO_ACTIONS, Modifier, list) }
                }
            }
            grow(30)
            test()
        }
        ApplicationProvider.getApplicationContext<TestApplication>().restart()
    }

    @Test
    fun `the end of a reply that grows stays in sight`() =
        inWindow {
            for (step in 1..5) {
                grow()
                assertFalse("after $step", list.canScrollForward)
            }
            rule.onNodeWithTag("to-the-end").assertDoesNotExist()
        }

    @Test
    fun `who scrolls up stays there while text arrives, and goes on at the end again`() =
        inWindow {
            rule.onNodeWithTag("messages").performTouchInput { swipeDown() }
            rule.waitForIdle()
            val read = place
            for (step in 1..5) {
                grow()
                assertEquals("after $step", read, place)
            }
            rule.onNodeWithTag("to-the-end").performClick()
            grow()
            assertFalse(list.canScrollForward)
            rule.onNodeWithTag("messages").performTouchInput { swipeDown() }
            while (list.canScrollForward) rule.onNodeWithTag("messages").performTouchInput { swipeUp() }
            grow(3)
            assertFalse(list.canScrollForward)
        }

    @Test
    fun `what is said next is in sight, wherever it was scrolled to`() =
        inWindow {
            rule.onNodeWithTag("messages").performTouchInput { swipeDown() }
            rule.waitForIdle()
            assertTrue(list.canScrollForward)
            rule.runOnIdle { state = state.copy(messages = state.messages + Message(isUser = true, "More")) }
            rule.waitForIdle()
            assertFalse(list.canScrollForward)
        }
}
