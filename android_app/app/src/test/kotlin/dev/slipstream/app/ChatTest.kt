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
import androidx.compose.ui.test.performScrollTo
import androidx.compose.ui.test.performTextReplacement
import androidx.lifecycle.Lifecycle
import dev.slipstream.Drafting
import dev.slipstream.app.engine.EngineState
import dev.slipstream.app.history.ChatSettings
import dev.slipstream.app.storage.resource
import dev.slipstream.chat.MODEL
import dev.slipstream.chat.USER
import dev.slipstream.engine.SCRIPT
import dev.slipstream.engine.ScriptedEngine
import dev.slipstream.engine.THOUGHT
import dev.slipstream.errors.UsageException
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.robolectric.RuntimeEnvironment

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
        awaitChat()
    }

    private fun say(text: String) {
        rule.onNodeWithTag("input").performTextReplacement(text)
        rule.onNodeWithTag("send").performClick()
    }

    private fun awaitReplies(count: Int) =
        await {
            // Those that are scrolled away have no node.
            app.services.chat.state.value.messages
                .count { !it.isUser } == count &&
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
    fun `leaving the app, its window's end and the screen's timeout end no reply`() {
        openChat()
        engine.isPaused = true
        say("Hello")
        awaitText("along")
        scenario!!.moveToState(Lifecycle.State.CREATED)
        rule.waitForIdle()
        scenario!!.close()
        rule.waitForIdle()
        assertTrue(app.services.chat.state.value.isReplying)
        engine.isPaused = false
        await { !app.services.chat.state.value.isReplying }
        openChat()
        rule.onNodeWithText(REPLY).assertExists()
        assertEquals(1, engines.size)
    }

    @Test
    fun `what was said is stored as it comes`() {
        openChat()
        engine.isReading = true
        say("Hello")
        await { stored().messages.map { it.text } == listOf("Hello") }
        engine.isPaused = true
        engine.isReading = false
        await { stored().messages.map { it.text } == listOf("Hello", REPLY.dropLast(1)) }
        close()
        app.restart()
        openChat()
        awaitReplies(1)
        rule.onNodeWithText(REPLY.dropLast(1)).assertExists()
        rule.onNodeWithTag("send").performClick()
        awaitText(REPLY.dropLast(1) + REPLY)
        assertEquals(
            listOf(null, null),
            engine.requests
                .single()
                .messages
                .map { it.tokens },
        )
    }

    @Test
    fun `a message that the process did not live to see answered is typed again, before what was typed meanwhile`() {
        openChat()
        engine.isReading = true
        say("Hello")
        await { stored().messages.size == 1 }
        rule.onNodeWithTag("input").performTextReplacement("and")
        await { stored().draft == "and" }
        close()
        app.restart()
        openChat()
        rule.onNodeWithTag("input").assert(hasText("Hello\nand", substring = true))
        await { stored().messages.isEmpty() && stored().draft == "Hello\nand" }
    }

    @Test
    fun `what is being typed outlives the process`() {
        openChat()
        rule.onNodeWithTag("input").performTextReplacement("Not yet se")
        await { stored().draft == "Not yet se" }
        close()
        app.restart()
        openChat()
        rule.onNodeWithTag("input").assert(hasText("Not yet se", substring = true))
    }

    @Test
    fun `the conversation outlives the process`() {
        openChat()
        say("long")
        awaitReplies(1)
        await { stored().chat?.turns?.size == 2 }
        close()
        app.restart()
        val before = stored()
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
        await { stored().messages.isEmpty() }
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
    fun `the settings reach the engine, and are the conversation's`() {
        openChat()
        for (choice in listOf(Drafting.OFF, Drafting.ON, Drafting.AUTO)) {
            set { it.copy(drafting = choice) }
            say("Hello")
            await {
                engine.requests
                    .lastOrNull()
                    ?.options
                    ?.drafting == choice && hasSend()
            }
        }
        set { it.copy(system = "Be brief.", temperature = 0.5, topK = 3, topP = 0.75, maxNewTokens = 2) }
        say("Hello")
        await { engine.requests.size == 4 && hasSend() }
        val request = engine.requests.last()
        assertEquals("system" to "Be brief.", request.messages.first().let { it.role to it.content })
        val sampling = request.options.sampling!!
        assertEquals(listOf(0.5, 3, 0.75), listOf<Any>(sampling.temperature, sampling.topK, sampling.topP))
        assertEquals(2, request.options.maxNewTokens)
        await { stored().settings.temperature == 0.5 }
        rule.onNodeWithTag("new").performClick()
        await { stored().messages.isEmpty() }
        assertEquals(ChatSettings(), stored().settings)
    }

    private fun set(change: (ChatSettings) -> ChatSettings) =
        scenario!!.onActivity {
            val chat = app.services.chat
            chat.setSettings(change(chat.state.value.settings))
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
        rule.onNodeWithTag("input").performTextReplacement("and more")
        rule.onNodeWithTag("stop").performClick()
        awaitTag("send")
        rule.onNodeWithTag("input").assert(hasText("Hello\nand more", substring = true))
        assertEquals(0, rule.onAllNodesWithTag("reply").fetchSemanticsNodes().size)
        engine.isReading = false
        rule.onNodeWithTag("send").performClick()
        awaitReplies(1)
        assertEquals(
            listOf("Hello\nand more"),
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
        await { stored().messages.size == 2 }
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
    fun `when the context is full the oldest messages leave, with a line that says so`() {
        openChat()
        val long = "w".repeat(150)
        for (count in 1..3) {
            say(long)
            await { engine.requests.size == count && hasSend() }
        }
        rule.onNodeWithTag("forgotten").assertExists()
        await { stored().forgotten == 4 }
        assertEquals(
            listOf(long),
            engine.requests
                .last()
                .messages
                .map { it.content },
        )
        close()
        app.restart()
        openChat()
        await { rule.onAllNodesWithTag("forgotten").fetchSemanticsNodes().isNotEmpty() }
        assertEquals(6, app.services.chat.state.value.messages.size)
    }

    @Test
    fun `a message that is too long by itself is typed again`() {
        openChat()
        say("w".repeat(600))
        awaitText("too long for the context")
        rule.onNodeWithTag("input").assert(hasText("w".repeat(600), substring = true))
    }

    @Test
    fun `a message is edited where it stands, and sent again`() {
        openChat()
        say("Hello")
        awaitReplies(1)
        rule.onNodeWithTag("edit-message").performClick()
        rule.onNodeWithTag("edited").performTextReplacement("Other")
        rule.onNodeWithTag("send-edited").performClick()
        await { engine.requests.size == 2 && hasSend() }
        val said = engine.requests.last().messages
        assertEquals(listOf("Other"), said.map { it.content })
        awaitReplies(1)
    }

    @Test
    fun `a reply goes on inside the same message, from its button`() {
        openChat()
        say("long")
        awaitReplies(1)
        rule.onNodeWithTag("go-on").performScrollTo().performClick()
        awaitText(REPLY + REPLY)
        awaitReplies(1)
    }

    @Test
    fun `a message in the middle is edited`() {
        openChat()
        for (count in 1..3) {
            say("Hello $count")
            awaitReplies(count)
        }
        scenario!!.onActivity { app.services.chat.edit(2, "Other") }
        awaitReplies(2)
        val said = listOf("Hello 1", REPLY, "Other")
        val messages = engine.requests.last().messages
        assertEquals(said, messages.map { it.content })
        assertEquals(tokens(SCRIPT.size), messages[1].tokens)
        await { stored().messages.map { it.text } == said + REPLY }
        // Nothing came of it: what was there is there again.
        scenario!!.onActivity { app.services.chat.edit(0, "fail") }
        awaitText("It fails")
        await { stored().messages.map { it.text } == said + REPLY }
        rule.onNodeWithTag("input").assert(hasText("fail", substring = true))
        say("More")
        await {
            engine.requests
                .last()
                .messages.size == 5 && hasSend()
        }
        assertEquals(
            said + REPLY + "More",
            engine.requests
                .last()
                .messages
                .map { it.content },
        )
    }

    @Test
    fun `a full disk takes nothing back, and what was said can be stored later`() {
        openChat()
        say("Hello")
        awaitReplies(1)
        app.fillDisk()
        say("More")
        await { engine.requests.size == 2 && hasSend() }
        awaitText("is not stored")
        app.fillDisk(isFull = false)
        rule.onNodeWithText("Store it now").performClick()
        await { stored().messages.map { it.text } == listOf("Hello", REPLY, "More", REPLY) }
        assertEquals(0, rule.onAllNodesWithTag("notice").fetchSemanticsNodes().size)
    }

    @Test
    fun `what was said when the window closes is kept`() {
        openChat()
        engine.isPaused = true
        say("Hello")
        awaitText("along")
        close()
        scenario = null
        app.services.chat.stop()
        await { !app.services.chat.state.value.isReplying }
        // What grows is stored too, before it has ended.
        await { stored().chat?.canGoOn == true }
        assertEquals(listOf("Hello", REPLY.dropLast(1)), stored().messages.map { it.text })
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
