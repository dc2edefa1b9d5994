package dev.slipstream

import dev.slipstream.engine.Engine
import dev.slipstream.engine.openEngine
import dev.slipstream.errors.BundleException
import dev.slipstream.sampling.Sampling
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File

/** The contract over LiteRT. tests/android/test_library.py exports the demo pair and runs this; Maven leaves it out. */
internal class LiteRtChatOnBundleTest : ChatContract() {
    private val bundle =
        File(checkNotNull(System.getProperty("slipstream.bundle")) { "-Dslipstream.bundle is not given" })

    @TempDir lateinit var cache: File

    /** Longer than the context. */
    override val failing = "word ".repeat(4096)
    override val filling by lazy { "word ".repeat(model.info.contextLength / 12) }

    override fun engine(): Engine = openEngine(bundle, cache = null, threads = 1)

    /** Greedy: the same tokens, however often they were cut. */
    override fun check(
        whole: String,
        goneOn: String,
    ) = assertEquals(whole, goneOn)

    @Test
    fun `it is opened from a file, and keeps what it made of it`() =
        runBlocking {
            val need = Slipstream.need(bundle)
            Slipstream.open(bundle, cache, threads = 1).use { opened ->
                assertEquals(need.targetId to need.drafterId, opened.info.targetId to opened.info.drafterId)
                assertEquals(need.contextLength, opened.info.contextLength)
                assertEquals(opened.info.draftLengths.sorted(), opened.info.draftLengths)
                val end = opened.complete("def main():").toList().last() as ReplyEvent.End
                assertTrue(end.reply.text.isNotEmpty())
            }
            assertTrue(File(cache, "weights").list()!!.isNotEmpty())
            assertTrue(File(cache, "drafting").list()!!.isNotEmpty())
        }

    @Test
    fun `what is no bundle says so`() {
        val text = File(cache, "text.litertlm").apply { writeText("no bundle") }
        assertThrows(BundleException::class.java) { runBlocking { Slipstream.open(text, cache) } }
        assertThrows(BundleException::class.java) { runBlocking { Slipstream.need(text) } }
    }

    @Test
    fun `drafting changes where text comes from, not the text`() {
        val replies =
            Drafting.entries.associateWith { drafting ->
                val options = ReplyOptions(sampling = Sampling.GREEDY, drafting = drafting)
                runBlocking { model.chat().send("Hello", options).toList() }
            }
        assertEquals(
            1,
            replies.values
                .map { (it.last() as ReplyEvent.End).reply }
                .distinct()
                .size,
        )
        val sources =
            replies.mapValues { (_, events) ->
                events.filterIsInstance<ReplyEvent.Text>().map { it.draftSource }
            }
        assertTrue(sources.getValue(Drafting.ON).any { it != null })
        assertTrue(sources.getValue(Drafting.OFF).all { it == null })
    }

    @Test
    fun `a second turn reads only what is new, and the figures say so`() {
        val chat = model.chat()
        val first =
            runBlocking {
                chat
                    .send(
                        "Hello",
                        ReplyOptions(drafting = Drafting.ON),
                    ).toList()
            }.last() as ReplyEvent.End
        val second = runBlocking { chat.send("And then?").toList() }.last() as ReplyEvent.End
        assertEquals(0, first.figures.cachedTokens)
        assertTrue(second.figures.cachedTokens > first.figures.promptTokens)
        assertTrue(second.figures.promptTokens > second.figures.cachedTokens)
        assertTrue(first.figures.prefillSeconds > 0 && first.figures.tokensPerSecond > 0)
        assertTrue(first.figures.drafter!!.drafted > 0)
    }

    @Test
    fun `a long prompt tells how far it is read`() {
        val options = ReplyOptions(maxNewTokens = 1)
        val events = runBlocking { model.complete("word ".repeat(model.info.contextLength / 4), options).toList() }
        val prefill = events.filterIsInstance<ReplyEvent.Prefill>()
        assertTrue(prefill.isNotEmpty() && prefill.map { it.done } == prefill.map { it.done }.sorted())
        assertTrue(prefill.all { it.total == prefill[0].total && it.done < it.total })
    }

    @Test
    fun `two models answer at once`() =
        runBlocking(Dispatchers.Default) {
            val options = ReplyOptions(sampling = Sampling.GREEDY)
            Slipstream.over(engine()).use { other ->
                val both =
                    listOf(
                        model,
                        other,
                    ).map {
                        async {
                            it
                                .chat()
                                .send("Hello", options)
                                .toList()
                                .last() as ReplyEvent.End
                        }
                    }
                assertEquals(1, both.map { it.await().reply }.distinct().size)
            }
        }
}
