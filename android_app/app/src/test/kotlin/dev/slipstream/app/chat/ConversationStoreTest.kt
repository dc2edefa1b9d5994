package dev.slipstream.app.chat

import dev.slipstream.app.engine.Piece
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File

class ConversationStoreTest {
    @TempDir lateinit var folder: File
    private val file by lazy { File(folder, "conversation.json") }
    private val store by lazy { ConversationStore(file) }
    private val growing = Growing()

    private fun conversation(): Conversation {
        growing.add(listOf(Piece("Ye", true), Piece("s\n", true), Piece("日本", false)))
        growing.add(listOf(Piece("hm", accepted = true, isThought = true)))
        val reply = growing.message().copy(tokens = listOf(2, 7, 1_000_000), answerBegin = 1, isThinking = true)
        val messages = listOf(Message(true, "Really? \"quoted\""), reply, reply.copy(answerBegin = null))
        return Conversation("a".repeat(64), isChat = true, messages, canGoOn = true)
    }

    @Test
    fun `what is written is read`() {
        val written = conversation()
        store.write(written)
        assertEquals(written, store.read("a".repeat(64)))
    }

    @Test
    fun `neighbours of one origin are one run`() {
        conversation()
        assertEquals(listOf(Run(4, 2, true), Run(6, 1, false)), growing.message().runs)
    }

    @Test
    fun `a thought is no part of the answer's runs`() {
        val reply = conversation().messages[1]
        assertEquals("hm" to "Yes\n日本", reply.thought to reply.text)
    }

    @Test
    fun `a reply that goes on loses what was no whole character`() {
        val begun = conversation().messages[1]
        val goingOn = Growing(begun)
        assertEquals(begun.runs, goingOn.message().runs)
        goingOn.cut(thoughtLength = 1, textLength = 5)
        assertEquals("h" to "Yes\n日", goingOn.message().let { it.thought to it.text })
        assertEquals(listOf(Run(4, 2, true), Run(5, 1, false)), goingOn.message().runs)
        goingOn.cut(thoughtLength = 0, textLength = 4)
        assertEquals(listOf(Run(4, 2, true)), goingOn.message().runs)
        goingOn.cut(thoughtLength = 0, textLength = 0)
        assertEquals(emptyList<Run>(), goingOn.message().runs)
    }

    @Test
    fun `another bundle's tokens mean nothing`() {
        store.write(conversation())
        assertNull(store.read("b".repeat(64)))
    }

    @Test
    fun `a damaged file is no conversation`() {
        store.write(conversation())
        val text = file.readText()
        for (end in 0 until text.length - 1) {
            file.writeText(text.take(end))
            assertNull(store.read("a".repeat(64)), "$end characters")
        }
        val withoutThought = text.replace("\"thought\"", "\"other\"")
        for (other in listOf("[]", "{}", "{\"bundle_sha256\":1}", text.replace("true", "1"), withoutThought)) {
            file.writeText(other)
            assertNull(store.read("a".repeat(64)), other)
        }
    }
}
