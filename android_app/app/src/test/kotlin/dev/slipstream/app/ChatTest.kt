package dev.slipstream.app

import android.content.ComponentCallbacks2
import androidx.collection.MutableIntList
import androidx.compose.ui.test.assert
import androidx.compose.ui.test.assertIsNotEnabled
import androidx.compose.ui.test.hasText
import androidx.compose.ui.test.onAllNodesWithTag
import androidx.compose.ui.test.onNodeWithContentDescription
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performTextReplacement
import androidx.lifecycle.Lifecycle
import dev.slipstream.Drafting
import dev.slipstream.app.engine.EngineState
import dev.slipstream.app.storage.resource
import dev.slipstream.chat.MODEL
import dev.slipstream.chat.USER
import dev.slipstream.engine.SCRIPT
import dev.slipstream.engine.ScriptedEngine
import dev.slipstream.engine.THOUGHT
import dev.slipstream.errors.UsageException
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import java.io.File

private val REPLY = SCRIPT.joinToString("") { it.text }

class ChatTest : AppTest() {
    private val engines = ArrayList<ScriptedEngine>()
    private val engine get() = engines.last()

    @Before
    fun prepare() {
        app.putBundle(resource("small.litertlm"))
        app.openEngine = { ScriptedEngine().also { engines.add(it) } }
    }

    private fun openChat() {
        open()
        awaitTag("send")
    }

    private fun say(text: String) {
        rule.onNodeWithTag("input").performTextReplacement(text)
        rule.onNodeWithTag("send").performClick()
    }

    private fun awaitReplies(count: Int) =
        await {
            rule.onAllNodesWithTag("reply").fetchSemanticsNodes().size == count &&
                rule.onAllNodesWithTag("send").fetchSemanticsNodes().isNotEmpty()
        }

    @Test
    fun `several turns go on from each other, outside the main thread`() {
        openChat()
        rule.onNodeWithTag("send").assertIsNotEnabled()
        say("Hello")
        awaitReplies(1)
        rule.onNodeWithText(REPLY).assertExists()
        rule
            .onNodeWithContentDescription("The model. 7 of 10 tokens were drafted and accepted")
            .assertExists()
        rule.onNodeWithText("42.0 tokens/s").assertExists()
        rule.onNodeWithText("70 % accepted").assertExists()
        rule.onNodeWithText("2.80 tokens/pass").assertExists()
        rule.onNodeWithText("draft 4").assertExists()
        say("More")
        awaitReplies(2)
        val (first, second) = engine.requests
        assertEquals(listOf("Hello"), first.messages.map { it.content })
        assertEquals(listOf("Hello", REPLY, "More"), second.messages.map { it.content })
        assertEquals(tokens(SCRIPT.size), second.messages[1].tokens)
        assertTrue(second.isChat)
        assertEquals(setOf("slipstream"), engine.threads)
    }

    @Test
    fun `the meter shows what drafts came to when it is touched, and hides it again`() {
        openChat()
        say("Hello")
        awaitReplies(1)
        rule.onNodeWithTag("drafting-details").assertDoesNotExist()
        rule.onNodeWithTag("meter").performClick()
        rule.onNodeWithText("Rounds by number of drafts: 4: 10", substring = true).assertExists()
        rule.onNodeWithTag("meter").performClick()
        rule.onNodeWithTag("drafting-details").assertDoesNotExist()
    }

    @Test
    fun `a reply that is stopped stays, and the conversation goes on from it`() {
        openChat()
        engine.isPaused = true
        say("Hello")
        awaitTag("stop")
        awaitText("along")
        rule.onNodeWithTag("stop").performClick()
        awaitReplies(1)
        rule.onNodeWithText(REPLY.dropLast(1)).assertExists()
        engine.isPaused = false
        say("More")
        awaitReplies(2)
        assertEquals(tokens(SCRIPT.size - 1), engine.requests[1].messages[1].tokens)
    }

    @Test
    fun `turning the phone neither stops a reply nor loads anything anew`() {
        openChat()
        engine.isPaused = true
        say("Hello")
        awaitText("along")
        RuntimeEnvironment.setQualifiers("+w640dp-h360dp-land")
        scenario!!.recreate()
        awaitTag("stop")
        engine.isPaused = false
        awaitReplies(1)
        rule.onNodeWithText(REPLY).assertExists()
        assertEquals(1, engines.size)
    }

    @Test
    fun `leaving the app ends the reply`() {
        openChat()
        engine.isPaused = true
        say("Hello")
        awaitText("along")
        scenario!!.moveToState(Lifecycle.State.CREATED)
        scenario!!.moveToState(Lifecycle.State.RESUMED)
        awaitReplies(1)
        rule.onNodeWithText(REPLY.dropLast(1)).assertExists()
    }

    @Test
    fun `the conversation outlives the process`() {
        openChat()
        say("long")
        awaitReplies(1)
        close()
        app.restart()
        val before = app.services.conversations.read(engine.info.bundleSha256)!!
        assertEquals(2, before.messages.size)
        openChat()
        awaitReplies(1)
        // It had ended in the middle, and can still go on.
        rule.onNodeWithTag("send").performClick()
        awaitText(REPLY + REPLY)
        awaitReplies(1)
        say("More")
        awaitReplies(2)
        assertEquals(2, engines.size)
        val (first, second) = engine.requests
        assertEquals(before.messages.map { it.text }, first.messages.map { it.content })
        assertEquals(tokens(SCRIPT.size), first.messages[1].tokens)
        assertEquals(listOf("long", REPLY + REPLY, "More"), second.messages.map { it.content })
    }

    @Test
    fun `a new conversation forgets, and so does the other mode`() {
        openChat()
        say("Hello")
        awaitReplies(1)
        rule.onNodeWithTag("new").performClick()
        await { rule.onAllNodesWithTag("reply").fetchSemanticsNodes().isEmpty() }
        await { app.services.conversations.read(engine.info.bundleSha256) == null }
        say("Again")
        awaitReplies(1)
        assertEquals(
            1,
            engine.requests
                .last()
                .messages.size,
        )
        rule.onNodeWithTag("menu").performClick()
        rule.onNodeWithText("Plain completion").performClick()
        await { rule.onAllNodesWithTag("reply").fetchSemanticsNodes().isEmpty() }
        say("long")
        awaitReplies(1)
        assertFalse(engine.requests.last().isChat)
        // It ended in the middle: an empty message lets it go on.
        rule.onNodeWithTag("send").performClick()
        awaitText(REPLY + REPLY)
        awaitReplies(1)
        assertEquals(
            listOf(USER, MODEL),
            engine.requests
                .last()
                .messages
                .map { it.role },
        )
    }

    @Test
    fun `the switch reaches the engine`() {
        openChat()
        for (choice in listOf(Drafting.OFF, Drafting.ON, Drafting.AUTO)) {
            rule.onNodeWithTag("drafting-$choice").performClick()
            say("Hello")
            await {
                engine.requests
                    .lastOrNull()
                    ?.options
                    ?.drafting == choice && hasSend()
            }
        }
    }

    private fun hasSend() = rule.onAllNodesWithTag("send").fetchSemanticsNodes().isNotEmpty()

    @Test
    fun `an error is shown in plain words and leaves the conversation`() {
        openChat()
        say("Hello")
        awaitReplies(1)
        say("fail")
        awaitText("It fails")
        awaitText("Say another thing.")
        assertEquals(1, rule.onAllNodesWithTag("reply").fetchSemanticsNodes().size)
        say("Hello")
        awaitReplies(2)
        assertEquals(
            listOf("Hello", REPLY, "Hello"),
            engine.requests
                .last()
                .messages
                .map { it.content },
        )
    }

    @Test
    fun `a message that nothing came of can be typed again`() {
        openChat()
        say("fail")
        awaitText("It fails")
        rule.onNodeWithTag("input").assert(hasText("fail", substring = true))
        engine.isReading = true
        say("Hello")
        awaitText("Reading: 256 of 512 tokens")
        rule.onNodeWithTag("stop").performClick()
        awaitTag("send")
        rule.onNodeWithTag("input").assert(hasText("Hello", substring = true))
        assertEquals(0, rule.onAllNodesWithTag("reply").fetchSemanticsNodes().size)
        engine.isReading = false
        rule.onNodeWithTag("send").performClick()
        awaitReplies(1)
        assertEquals(
            listOf("Hello"),
            engine.requests
                .last()
                .messages
                .map { it.content },
        )
    }

    @Test
    fun `a reply is asked for again, and a message edited`() {
        openChat()
        say("Hello")
        awaitReplies(1)
        say("More")
        awaitReplies(2)
        rule.onNodeWithTag("retry").performClick()
        await { engine.requests.size == 3 && hasSend() }
        assertEquals(engine.requests[1].messages, engine.requests[2].messages)
        rule.onNodeWithTag("edit").performClick()
        awaitReplies(1)
        rule.onNodeWithTag("input").assert(hasText("More", substring = true))
        await {
            app.services.conversations
                .read(engine.info.bundleSha256)
                ?.messages
                ?.size == 2
        }
        say("Other")
        awaitReplies(2)
        assertEquals(
            listOf("Hello", REPLY, "Other"),
            engine.requests
                .last()
                .messages
                .map { it.content },
        )
    }

    @Test
    fun `a reply that was asked for again and stopped before it began is still there`() {
        openChat()
        say("Hello")
        awaitReplies(1)
        engine.isReading = true
        rule.onNodeWithTag("retry").performClick()
        awaitTag("reading")
        rule.onNodeWithTag("stop").performClick()
        awaitReplies(1)
        rule.onNodeWithText(REPLY).assertExists()
    }

    @Test
    fun `thoughts are shown apart, open until the answer comes`() {
        openChat()
        rule.onNodeWithTag("thinking").performClick()
        say("long")
        awaitReplies(1)
        assertTrue(
            engine.requests
                .single()
                .options.thinking,
        )
        rule.onNodeWithText(REPLY).assertExists()
        rule.onNodeWithText(THOUGHT).assertDoesNotExist()
        rule.onNodeWithTag("thought-title").performClick()
        rule.onNodeWithText(THOUGHT).assertExists()
        // It goes on as it began, whatever the switch says now.
        rule.onNodeWithTag("thinking").performClick()
        rule.onNodeWithTag("send").performClick()
        await { engine.requests.size == 2 && hasSend() }
        assertTrue(
            engine.requests
                .last()
                .options.thinking,
        )
        say("More")
        awaitReplies(2)
        assertFalse(
            engine.requests
                .last()
                .options.thinking,
        )
        assertEquals(
            THOUGHT,
            engine.requests
                .last()
                .messages[1]
                .thought,
        )
    }

    @Test
    fun `a full context asks for a new conversation`() {
        openChat()
        say("fill")
        awaitText("The context is full")
        rule.onNodeWithTag("send").assertIsNotEnabled()
    }

    @Test
    fun `a full disk takes nothing back`() {
        openChat()
        // Where the file is written before it is moved.
        File(app.filesDir, "conversation.json.part").mkdirs()
        say("Hello")
        awaitReplies(1)
        awaitText("A file can’t be read or written")
        rule.onNodeWithText(REPLY).assertExists()
        assertNull(app.services.conversations.read(engine.info.bundleSha256))
        say("More")
        await { engine.requests.size == 2 && hasSend() }
        assertEquals(
            listOf("Hello", REPLY, "More"),
            engine.requests
                .last()
                .messages
                .map { it.content },
        )
    }

    @Test
    fun `what was said when the window closes is kept`() {
        openChat()
        engine.isPaused = true
        say("Hello")
        awaitText("along")
        close()
        await { app.services.conversations.read(engine.info.bundleSha256) != null }
        val kept = app.services.conversations.read(engine.info.bundleSha256)!!
        assertEquals(listOf("Hello", REPLY.dropLast(1)), kept.messages.map { it.text })
        assertTrue(kept.chat.canGoOn)
    }

    @Test
    fun `a model that can't be loaded again says why, and another bundle can be chosen`() {
        openChat()
        app.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        awaitText("ran low on memory")
        app.openEngine =
            { throw UsageException("It does not load", "memory", "none", "the script", "Close other apps.") }
        rule.onNodeWithText("Load it again").performClick()
        awaitText("It does not load")
        awaitTag("pick")
    }

    @Test
    fun `another bundle can be chosen when memory had run low`() {
        openChat()
        app.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        awaitText("ran low on memory")
        rule.onNodeWithTag("menu").performClick()
        rule.onNodeWithText("Model").performClick()
        awaitTag("add-bundle")
    }

    @Test
    fun `low memory unloads and says so, and the conversation goes on after loading again`() {
        openChat()
        engine.isPaused = true
        say("Hello")
        awaitText("along")
        app.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        awaitText("ran low on memory")
        assertTrue(engines.single().isClosed)
        assertTrue(app.services.host.state.value is EngineState.Unloaded)
        rule.onNodeWithText("Load it again").performClick()
        await { engines.size == 2 && app.services.host.state.value is EngineState.Ready }
        awaitReplies(1)
        say("More")
        awaitReplies(2)
        assertEquals(
            tokens(SCRIPT.size - 1),
            engine.requests
                .single()
                .messages[1]
                .tokens,
        )
    }

    private fun tokens(count: Int) = MutableIntList().apply { for (index in 0 until count) add(100 + index) }
}
