package dev.slipstream.app

import android.content.Intent
import androidx.compose.ui.test.onAllNodesWithTag
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performTextInput
import androidx.test.core.app.ActivityScenario
import dev.slipstream.CheckOutcome
import dev.slipstream.CheckStep
import dev.slipstream.Drafting
import dev.slipstream.ReplyEvent
import dev.slipstream.app.storage.bundleName
import dev.slipstream.bundle.Bundle
import dev.slipstream.engine.Engine
import dev.slipstream.engine.EngineReply
import dev.slipstream.engine.ReplyRequest
import dev.slipstream.engine.openEngine
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.parseStrictJson
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import java.io.File

/**
 * The window over the real engine. tests/android/test_app.py exports the demo pair and runs this with
 * `slipstream.bundle` and $SLIPSTREAM_LITERT; Maven alone leaves it out.
 */
class RealEngineOnBundleTest : AppTest() {
    private val bundle = File(property("slipstream.bundle"))
    private lateinit var engine: HeldEngine

    private fun property(name: String) = checkNotNull(System.getProperty(name)) { "-D$name is not given" }

    @Before
    fun prepare() {
        app.openEngine = { HeldEngine(openEngine(it, cache = null, threads = 1)).also { held -> engine = held } }
        File(app.external, "model.litertlm").let { bundle.copyTo(it, overwrite = true) }
    }

    /** The file is written when the reply has ended; [messages] is how many there are then. */
    private fun say(
        text: String,
        messages: Int,
    ) {
        rule.onNodeWithTag("input").performTextInput(text)
        rule.onNodeWithTag("send").performClick()
        await { conversation()?.messages?.size == messages }
    }

    /** Waits in a reply's round [HELD_AFTER] until it is stopped: the demo pair would be done before a finger moves. */
    private class HeldEngine(
        private val engine: Engine,
    ) : Engine by engine {
        @Volatile
        var isHeld = false

        @Volatile
        var rounds = 0

        override fun reply(
            request: ReplyRequest,
            cancelled: () -> Boolean,
            onEvent: (ReplyEvent) -> Unit,
        ): EngineReply {
            rounds = 0
            return engine.reply(request, cancelled) {
                onEvent(it)
                if (it is ReplyEvent.Round) rounds += 1
                while (isHeld && rounds == HELD_AFTER && !cancelled()) Thread.sleep(2)
            }
        }

        override fun selfCheck(
            benchSeconds: Double,
            cancelled: () -> Boolean,
            onStep: (CheckStep) -> Unit,
        ): CheckOutcome? = engine.selfCheck(benchSeconds = 1.0, cancelled, onStep)
    }

    private companion object {
        const val HELD_AFTER = 5
    }

    /** The messages once their last reply has ended. */
    private fun conversation() =
        stored().takeIf {
            it.chat
                ?.turns
                .orEmpty()
                .size == it.messages.size
        }

    /** The window shows it a moment after it is stored: what is set before would be set for the one before. */
    private fun startAnew() {
        val before = app.services.chat.state.value.conversation
        rule.onNodeWithTag("new").performClick()
        await { app.services.chat.state.value.conversation != before }
    }

    private fun set(drafting: Drafting) =
        scenario!!.onActivity {
            val chat = app.services.chat
            chat.setSettings(
                chat.state.value.settings
                    .copy(drafting = drafting),
            )
        }

    @Test
    fun `the pushed bundle is checked, loaded and chats, turned in between, whatever drafting does`() {
        open()
        awaitChat()
        val replies = HashSet<String>()
        for (choice in listOf(Drafting.AUTO, Drafting.ON, Drafting.OFF)) {
            startAnew()
            set(choice)
            say("Hello", messages = 2)
            RuntimeEnvironment.setQualifiers("+land")
            scenario!!.recreate()
            say("And then?", messages = 4)
            val (_, first, _, second) = conversation()!!.messages
            assertTrue(first.text.isNotEmpty())
            assertEquals(first.runs.last().end, first.text.length)
            replies.add(first.text + "|" + second.text)
            if (choice == Drafting.OFF) assertTrue(first.runs.none { it.accepted })
            if (choice == Drafting.ON) assertTrue(first.runs.any { it.accepted })
        }
        assertEquals("drafting changed the text: $replies", 1, replies.size)
    }

    @Test
    fun `a picked bundle is imported, loaded and chats`() {
        app.services.shelf.pushed
            .delete()
        open()
        awaitTag("pick")
        pick(bundle.readBytes())
        awaitChat()
        assertArrayEquals(bundle.readBytes(), File(app.bundles, bundleName(bundle.readBytes())).readBytes())
        say("Hello", messages = 2)
        assertTrue(
            conversation()!!
                .messages
                .last()
                .text
                .isNotEmpty(),
        )
    }

    @Test
    fun `a reply that is stopped goes on as if it had not been`() {
        open()
        awaitChat()
        rule.onNodeWithTag("menu").performClick()
        rule.onNodeWithText("Plain completion").performClick()
        say("def main():", messages = 2)
        val whole = conversation()!!.messages.last().text
        startAnew()
        engine.isHeld = true
        rule.onNodeWithTag("input").performTextInput("def main():")
        rule.onNodeWithTag("send").performClick()
        awaitTag("stop")
        await { engine.rounds == HELD_AFTER }
        rule.onNodeWithTag("stop").performClick()
        await { conversation()?.messages?.size == 2 }
        val begun = conversation()!!.messages.last().text
        assertTrue("$begun in $whole", begun.isNotEmpty() && begun.length < whole.length && whole.startsWith(begun))
        engine.isHeld = false
        rule.onNodeWithTag("send").performClick() // an empty message: go on
        await {
            (
                conversation()
                    ?.messages
                    ?.last()
                    ?.text
                    ?.length ?: 0
            ) >= whole.length
        }
        assertEquals(
            whole,
            conversation()!!
                .messages
                .last()
                .text
                .take(whole.length),
        )
    }

    @Test
    fun `a reply that is asked for again is the same, and an edited message has another`() {
        open()
        awaitChat()
        // Where the text comes from tells the two apart.
        set(Drafting.ON)
        say("Hello", messages = 2)
        val first = conversation()!!.messages.last()
        set(Drafting.OFF)
        rule.onNodeWithTag("retry").performClick()
        await { conversation()?.messages?.last()?.let { it != first && it.text == first.text } == true }
        rule.onNodeWithTag("edit").performClick()
        await { stored().messages.isEmpty() }
        rule.onNodeWithTag("input").performTextInput(" there")
        rule.onNodeWithTag("send").performClick()
        await { conversation()?.messages?.size == 2 }
        val (edited, other) = conversation()!!.messages
        assertTrue(edited.text.contains("Hello") && edited.text.contains(" there"))
        assertTrue(other.text != first.text)
    }

    @Test
    fun `the self-check passes and writes what this machine computed`() {
        scenario = ActivityScenario.launch(Intent().setClassName(app, MainActivity.SELF_CHECK))
        awaitTag("verdict")
        val result = parseStrictJson(app.resultFile.readText()) as Map<*, *>
        assertNull(result["first_difference"])
        assertEquals(true, result["passed"])
        val (golden, widths) = Bundle.open(bundle).use { it.traces() to it.manifest.verifyWidths }
        val computed = result["traces"] as Map<*, *>
        assertEquals(golden.keys, computed.keys)
        val rounds = result["rounds"] as Map<*, *>
        for ((name, text) in golden) {
            val lines = (computed[name] as String).lines().size
            assertEquals("trace $name", text.lines().size, lines)
            assertTrue((rounds[name] as JsonNumber).toIntOrNull()!! > 0)
        }
        val bench = result["bench"] as Map<*, *>
        assertEquals(setOf("plain", "auto") + widths.map { "drafted_${it - 1}" }, bench.keys)
        File("target/self-check.json").writeText(app.resultFile.readText())
    }
}
