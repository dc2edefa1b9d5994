package dev.slipstream

import androidx.collection.intListOf
import dev.slipstream.chat.MODEL
import dev.slipstream.chat.Message
import dev.slipstream.chat.SYSTEM
import dev.slipstream.chat.USER
import dev.slipstream.errors.UsageException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

internal class ChatSnapshotTest {
    private val messages =
        listOf(
            Message(SYSTEM, "Be \"brief\"."),
            Message(USER, "Really?\n日本"),
            Message(MODEL, "Yes", "hm", intListOf(2, 7, 1_000_000), intListOf(1_000_000)),
            Message(USER, "And?"),
            Message(MODEL, "No", "", intListOf(5), null),
        )
    private val state = ChatState(isPlain = false, messages, isThinking = true, canGoOn = true, isFull = false)
    private val snapshot = ChatSnapshot("a".repeat(64), state)

    @Test
    fun `what is written is read`() {
        val read = ChatSnapshot.parse(snapshot.toJson())
        assertEquals(state, read.state)
        assertEquals(snapshot.bundleSha256, read.bundleSha256)
        assertEquals(listOf("Really?\n日本", "Yes", "And?", "No"), read.turns.map { it.text })
    }

    @Test
    fun `every state is`() {
        for (other in listOf(state.copy(isPlain = true), state.copy(isThinking = false), state.copy(canGoOn = false))) {
            assertEquals(other, ChatSnapshot.parse(ChatSnapshot("b", other).toJson()).state)
        }
        assertEquals(true, ChatSnapshot.parse(ChatSnapshot("b", state.copy(isFull = true)).toJson()).state.isFull)
    }

    @Test
    fun `other turns keep what is equal, and the rest is text`() {
        assertEquals(snapshot.toJson(), snapshot.withTurns(snapshot.turns).toJson())
        val turns = snapshot.turns
        val edited = snapshot.withTurns(turns.take(2) + ChatTurn(ChatTurn.Role.USER, "Why?"))
        assertEquals(messages.take(3) + Message(USER, "Why?"), edited.state.messages)
        assertEquals(false, edited.canGoOn)
        val goneOn = snapshot.withTurns(turns.take(3) + ChatTurn(ChatTurn.Role.MODEL, "No, an"))
        assertEquals(Message(MODEL, "No, an"), goneOn.state.messages.last())
        assertEquals(true, goneOn.canGoOn)
        assertEquals(false, snapshot.withTurns(turns.take(3) + ChatTurn(ChatTurn.Role.MODEL, "", "hm")).canGoOn)
        assertEquals(false, snapshot.withTurns(turns.take(2)).canGoOn)
    }

    @Test
    fun `the system's text is exchanged, but a plain text has none`() {
        assertEquals("Be \"brief\".", snapshot.system)
        assertEquals(messages.drop(1), snapshot.withSystem(null).state.messages)
        val other = snapshot.withSystem("Be long.")
        assertEquals("Be long.", other.system)
        assertEquals(state.copy(messages = other.state.messages), other.state)
        val plain = ChatSnapshot("b", ChatState(isPlain = true))
        assertEquals(null, plain.withSystem(null).system)
        assertThrows(UsageException::class.java) { plain.withSystem("Be brief.") }
    }

    @Test
    fun `a text of another's making is refused`() {
        val text = snapshot.toJson()
        for (end in 0 until text.length - 1) {
            assertThrows(UsageException::class.java, { ChatSnapshot.parse(text.take(end)) }, "$end characters")
        }
        val others =
            listOf("[]", "{}", "1")
                .plus(text.replace("slipstream-chat", "other"))
                .plus(text.replace("\"version\": 1", "\"version\": 2"))
                .plus(text.replace("\"thought\"", "\"other\""))
                .plus(text.replace("\"answer_begin\": 2", "\"answer_begin\": 4"))
                .plus(text.replace("\"answer_begin\": 2", "\"answer_begin\": -1"))
                .plus(text.replace("\"user\"", "\"nobody\""))
        for (other in others) assertThrows(UsageException::class.java, { ChatSnapshot.parse(other) }, other)
    }
}
