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
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.io.IOException

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

    /** Workers that LiteRT starts have the name of the thread that opened the models. */
    @Test
    fun `target and drafter have the threads that were asked for, embedders none but the caller's`() {
        var found = emptyList<String>()
        val opener =
            Thread({
                openEngine(bundle, cache = null, threads = 4).use {
                    found = File("/proc/self/task").listFiles()!!.mapNotNull(::threadName)
                }
            }, "opener")
        opener.start()
        opener.join()
        assertEquals(1 + 2 * 3, found.count { it == "opener" }, "$found")
    }

    /** Null of one that has ended since it was listed: the JVM's own come and go. */
    private fun threadName(task: File): String? =
        try {
            File(task, "comm").readText().trim()
        } catch (_: IOException) {
            null
        }

    /** One that began shares the thread with replies: Stop, another bundle and a lack of memory wait for its next pass. */
    @Test
    fun `a self-check asks before each pass of a trace, and each round of the measurement, whether to end`() {
        val asked = HashMap<CheckStep.Kind, Int>()
        var kind = CheckStep.Kind.BYTES
        engine().use { engine ->
            val outcome =
                engine.selfCheck(
                    benchSeconds = 0.0,
                    cancelled = {
                        asked.merge(kind, 1, Int::plus)
                        false
                    },
                ) { kind = it.kind }!!
            // Each trace is replayed, and recorded anew.
            assertTrue(asked.getValue(CheckStep.Kind.TRACE) >= 2 * outcome.rounds.values.sum(), "$asked $outcome")
            // One reply of 8 tokens a way of drafting, where no time is given.
            assertTrue(asked.getValue(CheckStep.Kind.BENCH) >= 3 * outcome.bench.size, "$asked ${outcome.bench}")
        }
    }

    @Test
    fun `a self-check ends in the middle of a trace`() {
        var traces = 0
        var left = PASSES
        engine().use { engine ->
            val outcome =
                engine.selfCheck(benchSeconds = 0.5, cancelled = { traces > 0 && left-- <= 0 }) { step ->
                    if (step.kind == CheckStep.Kind.TRACE) traces++
                }
            assertNull(outcome)
            assertEquals(1, traces)
        }
    }
}

/** Fewer than any golden trace has, replayed and recorded. */
private const val PASSES = 4
