package dev.slipstream.app.chat

import androidx.room.Room
import androidx.test.core.app.ApplicationProvider
import dev.slipstream.ChatSnapshot
import dev.slipstream.Slipstream
import dev.slipstream.app.TestApplication
import dev.slipstream.app.history.ChatSettings
import dev.slipstream.app.history.HistoryDatabase
import dev.slipstream.engine.ScriptedEngine
import dev.slipstream.json.json
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import java.io.File

@RunWith(RobolectricTestRunner::class)
class ConversationStoreTest {
    private val app: TestApplication = ApplicationProvider.getApplicationContext()
    private val file = File(app.filesDir, "conversation.json")
    private val database = Room.databaseBuilder(app, HistoryDatabase::class.java, "test.db").build()
    private var millis = 0L
    private val store = ConversationStore(database, EarlierFile(file)) { ++millis }

    @After
    fun close() = database.close()

    private fun snapshot(): ChatSnapshot {
        val model = Slipstream.over(ScriptedEngine("a".repeat(64)))
        return model.use { runBlocking { it.chat().apply { send("long").collect {} } } }.snapshot()
    }

    private val talk =
        listOf(
            Message(isUser = true, "Why?\n100 % sure?"),
            Message(isUser = false, "Yes\n日本", listOf(Run(4, 2, true), Run(6, 1, false)), thought = "hm"),
        )

    private suspend fun titles(search: String = "") = store.list(search).first().map { it.title }

    private suspend fun held(vararg texts: String) =
        store.create(ChatSettings(), isPlain = false).let { new ->
            new.copy(messages = texts.map { Message(isUser = true, it) }).also { store.keep(it) }
        }

    @Test
    fun `what is kept is there again`() =
        runBlocking {
            val settings = ChatSettings("Be brief.", isThinking = true, 0.5, 3, 0.9, 64, showsFigures = false)
            val new = store.create(settings, isPlain = false)
            val kept = new.copy(messages = talk, chat = snapshot(), forgotten = 1, usedTokens = 77)
            store.keep(kept)
            val found = store.latest()!!
            assertEquals(kept.copy(chat = null), found.copy(chat = null))
            assertEquals(kept.chat!!.toJson(), found.chat!!.toJson())
            store.keep(kept.copy(messages = talk.take(1)), from = 1)
            assertEquals(talk.take(1), store.latest()!!.messages)
        }

    @Test
    fun `a reply is kept while it grows`() =
        runBlocking {
            val new = held("Why?")
            store.keepGrowing(new.id, 1, Message(isUser = false, "Be"))
            store.keepGrowing(new.id, 1, Message(isUser = false, "Because"))
            assertEquals(listOf("Why?", "Because"), store.latest()!!.messages.map { it.text })
        }

    @Test
    fun `the list is by time, found by title and text, and has no empty ones`() =
        runBlocking {
            held("First of all\nand more")
            val second = held("Second", "100 % sure, snake_case")
            store.create(ChatSettings(), isPlain = false)
            assertEquals(listOf("Second", "First of all"), titles())
            assertEquals(listOf("First of all"), titles("AND MORE"))
            assertEquals(listOf("Second"), titles("0 % s"))
            assertEquals(listOf("Second"), titles("e_c"))
            assertEquals(emptyList<String>(), titles("e%c"))
            store.rename(second.id, " Renamed ")
            assertEquals(listOf("Renamed"), titles("rename"))
            store.keep(store.open(second.id)!!)
            assertEquals(listOf("Renamed", "First of all"), titles())
        }

    @Test
    fun `the one that was opened last is the latest`() =
        runBlocking {
            val first = held("First")
            held("Second")
            store.open(first.id)
            assertEquals(first.id, store.latest()!!.id)
        }

    @Test
    fun `what was deleted can be had back, until it is purged`() =
        runBlocking {
            val first = held("First")
            store.delete(first.id)
            assertEquals(emptyList<String>(), titles())
            assertNull(store.open(first.id))
            store.restore(first.id)
            assertEquals(listOf("First"), store.open(first.id)!!.messages.map { it.text })
            store.delete(first.id)
            store.purge()
            store.restore(first.id)
            assertNull(store.open(first.id))
            assertEquals(emptyList<Any>(), database.dao().messages(first.id))
        }

    @Test
    fun `an empty conversation goes with the next one, but one with a draft stays`() =
        runBlocking {
            val empty = store.create(ChatSettings(), isPlain = false)
            val typed = store.create(ChatSettings(), isPlain = false)
            store.keepDraft(typed.id, "Not yet")
            store.create(ChatSettings(), isPlain = false)
            assertNull(store.open(empty.id))
            assertEquals("Not yet", store.open(typed.id)!!.draft)
        }

    @Test
    fun `the file of earlier versions is taken over once, and removed`() =
        runBlocking {
            file.writeText(
                json(
                    mapOf(
                        "chat" to snapshot().toJson(),
                        "runs" to listOf(emptyList<Any>(), listOf(listOf(4, 2, 1))),
                    ),
                ),
            )
            val taken = store.latest()!!
            assertEquals(snapshot().toJson(), taken.chat!!.toJson())
            assertEquals(listOf(emptyList(), listOf(Run(4, 2, true))), taken.messages.map { it.runs })
            assertEquals(listOf("long"), titles())
            assertFalse(file.exists())
            assertEquals(taken.id, store.latest()!!.id)
            assertEquals(1, titles().size)
        }

    @Test
    fun `one that can't be read stays where it is`() =
        runBlocking {
            file.writeText("{}")
            assertNull(store.latest())
            assertTrue(file.exists())
        }
}
