package dev.slipstream.app.chat

import dev.slipstream.ChatSnapshot
import dev.slipstream.ReplyEvent
import dev.slipstream.Slipstream
import dev.slipstream.decode.DraftSource.DRAFTER
import dev.slipstream.decode.DraftSource.NGRAM
import dev.slipstream.engine.ScriptedEngine
import kotlinx.coroutines.runBlocking
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

    private fun growing() {
        growing.add(ReplyEvent.Text("Ye", DRAFTER))
        growing.add(ReplyEvent.Text("s\n", NGRAM))
        growing.add(ReplyEvent.Text("日本", null))
        growing.add(ReplyEvent.Thought("hm", DRAFTER))
    }

    /** A chat as the library keeps it, told here by what it writes. */
    private fun snapshot(): ChatSnapshot {
        val model = Slipstream.over(ScriptedEngine("a".repeat(64)))
        return model.use { runBlocking { it.chat().apply { send("long").collect {} } } }.snapshot()
    }

    private fun conversation() =
        Conversation(snapshot(), listOf(emptyList(), listOf(Run(4, 2, true), Run(6, 1, false))))

    @Test
    fun `what is written is read`() {
        val written = conversation()
        store.write(written)
        val read = store.read("a".repeat(64))!!
        assertEquals(written.chat.toJson(), read.chat.toJson())
        assertEquals(written.messages, read.messages)
        assertEquals(written.runs, read.messages.map { it.runs })
    }

    @Test
    fun `neighbours that were drafted are one run`() {
        growing()
        assertEquals(listOf(Run(4, 2, true), Run(6, 1, false)), growing.message().runs)
    }

    @Test
    fun `a thought is no part of the answer's runs`() {
        growing()
        val reply = growing.message()
        assertEquals("hm" to "Yes\n日本", reply.thought to reply.text)
    }

    @Test
    fun `a reply that goes on loses what was no whole character`() {
        growing()
        val begun = growing.message()
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
        val others =
            listOf("[]", "{}", "{\"chat\": 1}")
                .plus(text.replace("[4, 2, 1]", "[4, 2]"))
                .plus(text.replace("[[], ", "["))
                .plus(text.replace("slipstream-chat", "other"))
        for (other in others) {
            file.writeText(other)
            assertNull(store.read("a".repeat(64)), other)
        }
    }
}
