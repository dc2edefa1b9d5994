package dev.slipstream.app.chat

import dev.slipstream.ChatSnapshot
import dev.slipstream.Slipstream
import dev.slipstream.engine.ScriptedEngine
import dev.slipstream.json.json
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File

/** The files that earlier versions of the app wrote. */
class EarlierFileTest {
    @TempDir lateinit var folder: File
    private val file by lazy { File(folder, "conversation.json") }

    private fun read() = EarlierFile(file).read()

    private fun snapshot(): ChatSnapshot {
        val model = Slipstream.over(ScriptedEngine("a".repeat(64)))
        return model.use { runBlocking { it.chat().apply { send("long").collect {} } } }.snapshot()
    }

    private fun ofSnapshot() =
        json(
            mapOf(
                "chat" to snapshot().toJson(),
                "runs" to listOf(emptyList(), listOf(listOf(4, 2, 1), listOf(6, 1, 0))),
            ),
        )

    @Test
    fun `the library's snapshot with the runs`() {
        file.writeText(ofSnapshot())
        val read = read()!!
        assertEquals(snapshot().toJson(), read.chat!!.toJson())
        assertEquals(listOf("long", snapshot().turns[1].text), read.messages.map { it.text })
        assertEquals(listOf(emptyList(), listOf(Run(4, 2, true), Run(6, 1, false))), read.messages.map { it.runs })
        EarlierFile(file).remove()
        assertFalse(file.exists())
        assertNull(read())
    }

    private val asked = mapOf("is_user" to true, "text" to "Hello", "runs" to emptyList<Int>())
    private val replied = mapOf("is_user" to false, "text" to "Yes", "runs" to listOf(listOf(3, 2, 1)))

    private fun write(
        messages: List<Map<String, Any?>>,
        vararg others: Pair<String, Any?>,
    ) = file.writeText(
        json(
            mapOf("bundle_sha256" to "a".repeat(64), "is_chat" to true, "can_go_on" to true, "messages" to messages) +
                others,
        ),
    )

    @Test
    fun `messages with their tokens`() {
        val user =
            asked + mapOf("thought" to "", "tokens" to emptyList<Int>(), "answer_begin" to null, "is_thinking" to false)
        val model =
            replied + mapOf("thought" to "hm", "tokens" to listOf(7, 8), "answer_begin" to 1, "is_thinking" to true)
        write(listOf(user, model))
        val read = read()!!
        val message = read.chat!!.toJson()
        assertTrue(
            "\"tokens\": [7, 8]" in message && "\"answer_begin\": 1" in message && "\"is_thinking\": true" in message,
        )
        assertTrue(read.chat.canGoOn)
        assertEquals(listOf("", "hm"), read.messages.map { it.thought })
        assertEquals(listOf(Run(3, 2, true)), read.messages[1].runs)
    }

    @Test
    fun `one list of tokens, which the texts stand for now`() {
        write(listOf(asked, replied), "tokens" to listOf(2, 7, 8), "is_chat" to false)
        val read = read()!!
        assertTrue(read.isPlain)
        assertFalse(read.chat!!.canGoOn)
        assertEquals(listOf("Hello", "Yes"), read.messages.map { it.text })
    }

    @Test
    fun `a file that can't be read is none, and stays`() {
        file.writeText(ofSnapshot())
        val text = file.readText()
        for (end in 0 until text.length - 1) {
            file.writeText(text.take(end))
            assertNull(read(), "$end characters")
        }
        val others =
            listOf("[]", "{}", "{\"chat\": 1}")
                .plus(text.replace("[4, 2, 1]", "[4, 2]"))
                .plus(text.replace("[[], ", "["))
                .plus(text.replace("slipstream-chat", "other"))
        for (other in others) {
            file.writeText(other)
            assertNull(read(), other)
        }
        assertTrue(file.exists())
    }
}
