package dev.slipstream.app.conversations

import androidx.compose.ui.test.assert
import androidx.compose.ui.test.hasContentDescription
import androidx.compose.ui.test.hasText
import androidx.compose.ui.test.isSelected
import androidx.compose.ui.test.onAllNodesWithTag
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performTextReplacement
import dev.slipstream.app.AppTest
import dev.slipstream.app.storage.resource
import dev.slipstream.engine.ScriptedEngine
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.robolectric.RuntimeEnvironment

class HistoryTest : AppTest() {
    private val engine = ScriptedEngine()

    @Before
    fun prepare() {
        app.putBundle(resource("small.litertlm"))
        app.openEngine = { engine }
        open()
        awaitChat()
        for ((index, text) in listOf("Why is the sky blue?", "Where does the wind go?").withIndex()) {
            if (index > 0) {
                rule.onNodeWithTag("new").performClick()
                await {
                    app.services.chat.state.value.messages
                        .isEmpty()
                }
                rule.waitForIdle()
            }
            rule.onNodeWithTag("input").performTextReplacement(text)
            rule.onNodeWithTag("send").performClick()
            await { stored().let { it.messages.firstOrNull()?.text == text && it.chat?.turns?.size == 2 } }
        }
        rule.onNodeWithTag("conversations-open").performClick()
        awaitLines(2)
    }

    private fun awaitLines(count: Int) =
        await { rule.onAllNodesWithTag("conversation").fetchSemanticsNodes().size == count }

    private fun menuOf(title: String) = rule.onNode(hasContentDescription("More about $title"))

    @Test
    fun `an earlier conversation goes on where it was`() {
        rule.onNodeWithText("Why is the sky blue?").performClick()
        await { rule.onAllNodesWithTag("reply").fetchSemanticsNodes().size == 1 }
        rule.onNodeWithTag("input").performTextReplacement("And the sea?")
        rule.onNodeWithTag("send").performClick()
        await { engine.requests.size == 3 && stored().messages.size == 4 }
        val messages = engine.requests.last().messages
        assertEquals(
            listOf("Why is the sky blue?", "And the sea?"),
            messages.map { it.content }.filterIndexed { i, _ ->
                i %
                    2 ==
                    0
            },
        )
        // Not read anew.
        assertEquals(10, messages[1].tokens!!.size)
    }

    @Test
    fun `a reply that is being decoded ends where another conversation is opened, and is kept`() {
        rule.onNodeWithText("Where does the wind go?").performClick()
        await { rule.onAllNodesWithTag("reply").fetchSemanticsNodes().size == 1 }
        engine.isPaused = true
        rule.onNodeWithTag("input").performTextReplacement("Where else?")
        rule.onNodeWithTag("send").performClick()
        await { engine.requests.size == 3 }
        rule.onNodeWithTag("conversations-open").performClick()
        awaitLines(2)
        rule.onNodeWithText("Why is the sky blue?").performClick()
        await { stored().messages.first().text == "Why is the sky blue?" }
        assertFalse(app.services.chat.state.value.isReplying)
        rule.onNodeWithTag("conversations-open").performClick()
        awaitLines(2)
        rule.onNodeWithText("Where does the wind go?").performClick()
        await { stored().messages.size == 4 }
        assertTrue(stored().chat!!.turns.size == 4 && stored().chat!!.canGoOn)
    }

    @Test
    fun `one is found by what was said in it`() {
        rule.onNodeWithTag("search").performTextReplacement("SKY")
        awaitLines(1)
        rule.onNodeWithText("Why is the sky blue?").assertExists()
        rule.onNodeWithTag("search").performTextReplacement("aeroplane")
        awaitText("Nothing was found")
    }

    @Test
    fun `one is renamed`() {
        menuOf("Why is the sky blue?").performClick()
        rule.onNodeWithText("Rename").performClick()
        rule.onNodeWithTag("title").assert(hasText("Why is the sky blue?", substring = true))
        rule.onNodeWithTag("title").performTextReplacement("Colours")
        rule.onNodeWithTag("rename").performClick()
        awaitText("Colours")
    }

    @Test
    fun `one is deleted and had back`() {
        menuOf("Where does the wind go?").performClick()
        rule.onNodeWithText("Delete").performClick()
        awaitText("Deleted: Where does the wind go?")
        awaitLines(1)
        // It was open: another one is now.
        await {
            app.services.chat.state.value.messages
                .firstOrNull()
                ?.text == "Why is the sky blue?"
        }
        rule.onNodeWithText("Undo").performClick()
        awaitLines(2)
        rule.onNodeWithText("Where does the wind go?").performClick()
        await { stored().messages.firstOrNull()?.text == "Where does the wind go?" }
    }

    @Test
    fun `what was deleted is gone with the process`() {
        menuOf("Where does the wind go?").performClick()
        rule.onNodeWithText("Delete").performClick()
        awaitLines(1)
        close()
        app.restart()
        open()
        awaitChat()
        rule.onNodeWithTag("conversations-open").performClick()
        awaitLines(1)
    }

    @Test
    fun `in a wide window the list stays beside the chat, and says which conversation that is`() {
        RuntimeEnvironment.setQualifiers("+w1280dp-h800dp-land-mdpi")
        scenario!!.recreate()
        awaitLines(2)
        rule.onNodeWithTag("input").performTextReplacement("Half a sentence")
        rule.onNodeWithTag("conversations-open").assertDoesNotExist()
        rule.onNode(isSelected()).assert(hasText("Where does the wind go?"))
        rule.onNodeWithText("Why is the sky blue?").performClick()
        await { stored().messages.first().text == "Why is the sky blue?" }
        awaitLines(2)
        await { rule.onAllNodes(isSelected() and hasText("Why is the sky blue?")).fetchSemanticsNodes().size == 1 }
        // Folded together, it is the chat that stays.
        RuntimeEnvironment.setQualifiers("+w360dp-h640dp-port-xhdpi")
        scenario!!.recreate()
        awaitTag("conversations-open")
        awaitLines(0)
    }
}
