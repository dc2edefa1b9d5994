package dev.slipstream

import dev.slipstream.engine.SCRIPT
import dev.slipstream.engine.ScriptedEngine
import dev.slipstream.engine.THOUGHT
import dev.slipstream.errors.UsageException
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

internal class ScriptedChatTest : ChatContract() {
    private val script = ScriptedEngine()
    override val failing = "fail"
    override val filling = "w".repeat(90)

    override fun engine() = script

    /** The script begins anew. */
    override fun check(
        whole: String,
        goneOn: String,
    ) = assertTrue(goneOn.endsWith(whole))

    @Test
    fun `thoughts come apart, and a reply goes on as it began`() {
        val chat = model.chat(system = "Be brief.")
        val events = runBlocking { chat.send("long", ReplyOptions(thinking = true)).toList() }
        assertEquals(SCRIPT.joinToString("") { it.text }, said(events))
        assertEquals(THOUGHT, events.filterIsInstance<ReplyEvent.Thought>().single().text)
        assertEquals(THOUGHT, chat.turns.last().thought)
        runBlocking { chat.goOn(ReplyOptions(thinking = false)).toList() }
        assertTrue(
            script.requests
                .last()
                .options.thinking,
        )
        val roles =
            script.requests
                .last()
                .messages
                .map { it.role }
        assertEquals(listOf("system", "user", "model"), roles)
    }

    @Test
    fun `what was used up is known`() {
        val chat = model.chat()
        runBlocking { chat.send("fill").toList() }
        assertTrue(chat.isFull && !chat.canGoOn)
        assertTrue(model.chat(ChatSnapshot.parse(chat.snapshot().toJson())).isFull)
    }

    @Test
    fun `a bundle without a template has no chat, and one without a system turn none of those`() {
        val bare = Slipstream.over(Bare(script, hasChat = false))
        assertThrows(UsageException::class.java) { bare.chat() }
        assertThrows(UsageException::class.java) { bare.chat(model.chat().snapshot()) }
        assertEquals(0, bare.plainChat().turns.size)
        val noSystem = Slipstream.over(Bare(script, hasChat = true))
        assertThrows(UsageException::class.java) { noSystem.chat(system = "Be brief.") }
        assertEquals(0, noSystem.chat().turns.size)
    }

    private class Bare(
        engine: ScriptedEngine,
        hasChat: Boolean,
    ) : dev.slipstream.engine.Engine by engine {
        override val info = engine.info.copy(hasChat = hasChat, hasSystem = false)
    }
}
