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
        val messages = listOf(Message(true, "Really? \"quoted\""), growing.message())
        return Conversation("a".repeat(64), isChat = true, listOf(2, 7, 1_000_000), messages, canGoOn = true)
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
        for (other in listOf("[]", "{}", "{\"bundle_sha256\":1}", text.replace("true", "1"))) {
            file.writeText(other)
            assertNull(store.read("a".repeat(64)), other)
        }
    }
}
