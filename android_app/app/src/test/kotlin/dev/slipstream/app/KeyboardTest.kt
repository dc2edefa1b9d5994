package dev.slipstream.app

import androidx.compose.ui.input.key.Key
import androidx.compose.ui.test.ExperimentalTestApi
import androidx.compose.ui.test.assertTextContains
import androidx.compose.ui.test.onAllNodesWithTag
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.performImeAction
import androidx.compose.ui.test.performKeyInput
import androidx.compose.ui.test.performTextInput
import androidx.compose.ui.test.pressKey
import androidx.compose.ui.test.withKeyDown
import dev.slipstream.app.storage.resource
import dev.slipstream.engine.ScriptedEngine
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test

@OptIn(ExperimentalTestApi::class)
class KeyboardTest : AppTest() {
    private val engine = ScriptedEngine()
    private val input get() = rule.onNodeWithTag("input")

    @Before
    fun prepare() {
        app.putBundle(resource("small.litertlm"))
        app.openEngine = { engine }
        open()
        awaitChat()
    }

    private fun said() = engine.requests.map { request -> request.messages.last().content }

    private fun awaitReply() = await { rule.onAllNodesWithTag("copy").fetchSemanticsNodes().size == 2 }

    @Test
    fun `a keyboard's Enter sends, and with Shift it breaks the line`() {
        input.performTextInput("One")
        input.performKeyInput { withKeyDown(Key.ShiftLeft) { pressKey(Key.Enter) } }
        input.performTextInput("two")
        input.assertTextContains("One\ntwo", substring = true)
        assertTrue(engine.requests.isEmpty())
        input.performKeyInput { pressKey(Key.Enter) }
        awaitReply()
        assertEquals(listOf("One\ntwo"), said())
    }

    @Test
    fun `Enter sends nothing where there is nothing to send`() {
        input.performKeyInput { pressKey(Key.Enter) }
        input.performKeyInput { pressKey(Key.NumPadEnter) }
        rule.waitForIdle()
        assertTrue(engine.requests.isEmpty())
    }

    @Test
    fun `the keyboard on the screen has a key that sends`() {
        input.performTextInput("Hello")
        input.performImeAction()
        awaitReply()
        assertEquals(listOf("Hello"), said())
    }
}
