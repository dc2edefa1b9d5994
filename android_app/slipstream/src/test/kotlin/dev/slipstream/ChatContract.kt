package dev.slipstream

import dev.slipstream.ReplyEvent.End
import dev.slipstream.ReplyEvent.Resumed
import dev.slipstream.ReplyEvent.Text
import dev.slipstream.decode.StopReason
import dev.slipstream.engine.Engine
import dev.slipstream.errors.PromptTooLongException
import dev.slipstream.errors.SlipstreamException
import dev.slipstream.errors.UsageException
import dev.slipstream.sampling.Sampling
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit

/** What a chat keeps to, whatever decodes: over a script, and over LiteRT with the demo pair. */
@Timeout(60)
internal abstract class ChatContract {
    protected abstract fun engine(): Engine

    /** A message that can't be replied to. */
    protected abstract val failing: String

    /** A message that takes about a sixth of the context. */
    protected abstract val filling: String

    protected val engine: HeldEngine by lazy { HeldEngine(engine()) }
    protected val model: Slipstream by lazy { Slipstream.over(engine) }
    private val greedy = ReplyOptions(sampling = Sampling.GREEDY)

    @AfterEach
    fun close() = model.close()

    protected fun said(events: List<ReplyEvent>): String = events.filterIsInstance<Text>().joinToString("") { it.text }

    private fun send(
        chat: Chat,
        text: String,
        options: ReplyOptions = greedy,
    ): List<ReplyEvent> = runBlocking { chat.send(text, options).toList() }

    /** Sends [text], and cancels the collector once the engine waits where it is held. */
    private fun sendAndCancel(
        chat: Chat,
        text: String,
    ) = runBlocking {
        engine.held = CountDownLatch(1)
        val job = launch(Dispatchers.Default) { chat.send(text, greedy).collect {} }
        awaitHeld()
        job.cancelAndJoin()
        engine.holdsBefore = false
        engine.holds = { false }
    }

    private fun awaitHeld() = assertTrue(engine.held.await(60, TimeUnit.SECONDS))

    private fun holdAtRound(number: Int) {
        var rounds = 0
        engine.holds = { event -> event is ReplyEvent.Round && (++rounds >= number || rounds < 0) }
    }

    @Test
    fun `a reply is told as it comes, and is a turn when it has ended`() {
        val chat = model.chat()
        val events = send(chat, "Hello")
        val end = events.last() as End
        assertEquals(said(events), end.reply.text)
        assertTrue(end.reply.text.isNotEmpty())
        assertEquals(1, events.count { it is End })
        assertEquals(events.filterIsInstance<ReplyEvent.Round>().last().figures, end.figures)
        assertEquals(listOf(ChatTurn(ChatTurn.Role.USER, "Hello"), end.reply), chat.turns)
        send(chat, "And then?")
        assertEquals(4, chat.turns.size)
    }

    @Test
    fun `nothing happens before a flow is collected, and twice is asked twice`() {
        val chat = model.chat()
        val reply = chat.send("Hello", greedy)
        assertEquals(0, engine.replies.get())
        runBlocking { repeat(2) { reply.toList() } }
        assertEquals(listOf("Hello", "Hello"), chat.turns.filter { it.role == ChatTurn.Role.USER }.map { it.text })
    }

    @Test
    fun `who cancels keeps what was said, and the reply goes on as one turn`() {
        val whole = (send(model.chat(), "Hello").last() as End).reply.text
        val chat = model.chat()
        holdAtRound(3)
        sendAndCancel(chat, "Hello")
        val cut = chat.turns.last().text
        assertTrue(cut.isNotEmpty() && cut.length < whole.length && whole.startsWith(cut), "$cut in $whole")
        assertTrue(chat.canGoOn)
        val events = runBlocking { chat.goOn(greedy).toList() }
        val resumed = events.first() as Resumed
        val end = events.last() as End
        assertEquals(resumed.text + said(events), end.reply.text)
        assertTrue(cut.startsWith(resumed.text))
        assertEquals(listOf(ChatTurn(ChatTurn.Role.USER, "Hello"), end.reply), chat.turns)
        check(whole, end.reply.text)
    }

    /** Compares what a reply that was cut became with what it is in one go. */
    protected abstract fun check(
        whole: String,
        goneOn: String,
    )

    @Test
    fun `a reply that was cancelled before it began is unsaid`() {
        val chat = model.chat()
        send(chat, "Hello")
        val before = chat.turns
        engine.holdsBefore = true
        sendAndCancel(chat, "And then?")
        assertEquals(before, chat.turns)
        assertFalse(chat.canGoOn)
    }

    @Test
    fun `an error leaves the chat as it was`() {
        val chat = model.chat()
        send(chat, "Hello")
        val before = chat.turns
        assertThrows(SlipstreamException::class.java) { send(chat, failing) }
        assertEquals(before, chat.turns)
        send(chat, "And then?")
        assertEquals(4, chat.turns.size)
    }

    /** Says [filling] until the oldest turns have left; what that told. */
    private fun fill(chat: Chat): ReplyEvent.Trimmed {
        repeat(20) {
            val events = send(chat, filling, ReplyOptions(maxNewTokens = 4, sampling = Sampling.GREEDY))
            events.firstOrNull()?.let { if (it is ReplyEvent.Trimmed) return it }
        }
        throw AssertionError("20 messages have not filled the context")
    }

    @Test
    fun `the oldest turns make room, whole, and the reply says so first`() {
        val chat = model.chat(system = "Be brief.".takeIf { model.info.hasSystem })
        send(chat, "Hello", ReplyOptions(maxNewTokens = 4, sampling = Sampling.GREEDY))
        val before = engine.replies.get()
        val trimmed = fill(chat)
        val said = 2 + 2 * (engine.replies.get() - before)
        assertEquals(said - trimmed.turns, chat.turns.size)
        assertTrue(trimmed.turns % 2 == 0 && trimmed.turns < said - 2)
        assertEquals(ChatTurn.Role.USER, chat.turns.first().role)
        assertEquals(filling, chat.turns.first().text)
        assertEquals("Be brief.".takeIf { model.info.hasSystem }, chat.snapshot().system)
        // Not at every turn: all that stays was read anew.
        assertTrue(send(chat, "And then?").none { it is ReplyEvent.Trimmed })
    }

    @Test
    fun `who wants no turn to leave gets an error, and the chat stays`() {
        val chat = model.chat()
        val options = ReplyOptions(maxNewTokens = 4, sampling = Sampling.GREEDY, trims = false)
        assertThrows(PromptTooLongException::class.java) { repeat(20) { send(chat, filling, options) } }
        assertEquals(ChatTurn.Role.MODEL, chat.turns.last().role)
        assertTrue(chat.turns.size > 4)
        val before = chat.turns
        assertTrue(send(chat, filling).first() is ReplyEvent.Trimmed)
        assertEquals(before.last(), chat.turns[chat.turns.size - 3])
    }

    @Test
    fun `turns that left for a reply that came to nothing are back`() {
        val chat = model.chat()
        val options = ReplyOptions(maxNewTokens = 4, sampling = Sampling.GREEDY, trims = false)
        runCatching { repeat(20) { send(chat, filling, options) } }
        val before = chat.turns
        engine.holdsBefore = true
        sendAndCancel(chat, filling)
        assertEquals(before, chat.turns)
        assertThrows(PromptTooLongException::class.java) { send(chat, filling.repeat(20)) }
        assertEquals(before, chat.turns)
    }

    @Test
    fun `a reply goes on from its text alone`() {
        val chat = model.chat()
        send(chat, "Hello")
        val (asked, reply) = chat.turns
        val cut = ChatTurn(ChatTurn.Role.MODEL, reply.text.dropLast(reply.text.length / 2))
        val again = model.chat(chat.snapshot().withTurns(listOf(asked, cut)))
        assertTrue(again.canGoOn)
        val events = runBlocking { again.goOn(greedy).toList() }
        val end = events.last() as End
        assertEquals(Resumed(cut.text, ""), events.first { it is Resumed })
        assertTrue(end.reply.text.startsWith(cut.text) && end.reply.text.length > cut.text.length)
        assertEquals(listOf(asked, end.reply), again.turns)
    }

    @Test
    fun `the budget cuts a reply`() {
        val chat = model.chat()
        val end = send(chat, "Hello", ReplyOptions(maxNewTokens = 2, sampling = Sampling.GREEDY)).last() as End
        assertEquals(StopReason.MAX_NEW_TOKENS, end.reason)
        assertTrue(chat.canGoOn)
        assertThrows(UsageException::class.java) { ReplyOptions(maxNewTokens = 0) }
    }

    @Test
    fun `what can't go on says so`() {
        val chat = model.chat()
        assertThrows(UsageException::class.java) { runBlocking { chat.goOn().toList() } }
        assertThrows(UsageException::class.java) { runBlocking { chat.regenerate().toList() } }
        assertThrows(UsageException::class.java) { runBlocking { chat.rewind() } }
    }

    @Test
    fun `a reply is asked for again, and the old one stays until the new one begins`() {
        val chat = model.chat()
        send(chat, "Hello")
        val first = chat.turns
        engine.holdsBefore = true
        engine.held = CountDownLatch(1)
        runBlocking {
            val job = launch(Dispatchers.Default) { chat.regenerate(greedy).collect {} }
            awaitHeld()
            job.cancelAndJoin()
        }
        assertEquals(first, chat.turns)
        engine.holdsBefore = false
        runBlocking { chat.regenerate(greedy).toList() }
        assertEquals(first, chat.turns)
        assertEquals(3, engine.replies.get())
    }

    @Test
    fun `a message is taken back, edited and sent`() {
        val chat = model.chat()
        send(chat, "Hello")
        val first = chat.turns
        send(chat, "And then?")
        assertEquals("And then?", runBlocking { chat.rewind() })
        assertEquals(first, chat.turns)
        send(chat, "And now?")
        assertEquals("And now?", chat.turns[2].text)
    }

    @Test
    fun `a snapshot goes on where the chat was`() {
        val chat = model.chat()
        holdAtRound(3)
        sendAndCancel(chat, "Hello")
        val snapshot = ChatSnapshot.parse(chat.snapshot().toJson())
        assertEquals(chat.snapshot().toJson(), snapshot.toJson())
        val again = model.chat(snapshot)
        assertEquals(chat.turns, again.turns)
        runBlocking {
            chat.goOn(greedy).toList()
            again.goOn(greedy).toList()
        }
        assertEquals(chat.turns, again.turns)
    }

    @Test
    fun `another bundle's snapshot keeps its texts, and is read anew`() {
        val chat = model.chat(system = null)
        send(chat, "Hello", ReplyOptions(maxNewTokens = 2, sampling = Sampling.GREEDY))
        val other = chat.snapshot().toJson().replace(model.info.bundleSha256, "0".repeat(64))
        val again = model.chat(ChatSnapshot.parse(other))
        assertEquals(chat.turns, again.turns)
        assertFalse(again.canGoOn)
        assertTrue(
            again
                .snapshot()
                .state.messages
                .all { it.tokens == null && it.answerTokens == null },
        )
        send(again, "And then?")
        assertEquals(4, again.turns.size)
    }

    @Test
    fun `several chats take turns, in one thread`() =
        runBlocking(Dispatchers.Default) {
            val chats = List(4) { model.chat() }
            chats.map { chat -> launch { repeat(2) { chat.send("Hello", greedy).collect {} } } }.forEach { it.join() }
            assertEquals(1, engine.most.get())
            assertEquals(1, engine.threads.size)
            assertEquals(1, chats.map { it.turns }.distinct().size)
            assertEquals(4, chats[0].turns.size)
        }

    @Test
    fun `who cancels and sends again at once is not in the way of the reply that ends`() =
        runBlocking(Dispatchers.Default) {
            val chat = model.chat()
            holdAtRound(2)
            val job = launch { chat.send("Hello", greedy).collect {} }
            awaitHeld()
            job.cancel()
            engine.holds = { false }
            chat.send("And then?", greedy).collect {}
            assertEquals(listOf("Hello", "And then?"), chat.turns.filterIndexed { i, _ -> i % 2 == 0 }.map { it.text })
        }

    @Test
    fun `a slow collector does not hold the model up`() =
        runBlocking(Dispatchers.Default) {
            val chat = model.chat()
            val gate = CompletableDeferred<Unit>()
            engine.passes = 1000
            val events = async { chat.send("Hello", greedy).onEach { gate.await() }.toList() }
            while (engine.replies.get() == 0) delay(2)
            gate.complete(Unit)
            // And misses nothing.
            assertEquals(engine.passes, events.await().count { it is ReplyEvent.Prefill && it.total == engine.passes })
            assertEquals(2, chat.turns.size)
        }

    @Test
    fun `closing ends a reply within a step, and refuses what waits`() =
        runBlocking(Dispatchers.Default) {
            val chat = model.chat()
            val other = model.chat()
            holdAtRound(2)
            val running = async { chat.send("Hello", greedy).toList() }
            awaitHeld()
            val waiting = async { runCatching { other.send("Hello", greedy).toList() }.exceptionOrNull() }
            delay(50)
            model.close()
            assertTrue(engine.isClosed)
            val end = running.await().last() as End
            assertEquals(StopReason.CANCELLED, end.reason)
            assertEquals(listOf(ChatTurn(ChatTurn.Role.USER, "Hello"), end.reply), chat.turns)
            assertTrue(waiting.await() is UsageException)
            assertEquals(emptyList<ChatTurn>(), other.turns)
            model.close()
        }

    @Test
    fun `a closed model says so`() {
        val chat = model.chat()
        model.close()
        assertThrows(UsageException::class.java) { send(chat, "Hello") }
        assertThrows(UsageException::class.java) { runBlocking { model.selfCheck() } }
    }

    @Test
    fun `a reply that stopping or closing met before it began is unsaid`() {
        for (end in listOf<(Chat) -> Unit>({ it.stop() }, { model.close() })) {
            val chat = model.chat()
            engine.holdsBefore = true
            engine.held = CountDownLatch(1)
            runBlocking(Dispatchers.Default) {
                val reply = async { chat.send("Hello", greedy).toList() }
                awaitHeld()
                end(chat)
                assertEquals(listOf(ReplyEvent.Unsaid), reply.await())
            }
            assertEquals(emptyList<ChatTurn>(), chat.turns)
        }
    }

    @Test
    fun `who stops a reply is told its end, and another is not stopped by that`() =
        runBlocking(Dispatchers.Default) {
            val chat = model.chat()
            holdAtRound(2)
            val reply = async { chat.send("Hello", greedy).toList() }
            awaitHeld()
            chat.stop()
            val events = reply.await()
            val end = events.last() as End
            assertEquals(StopReason.CANCELLED, end.reason)
            assertEquals(said(events), end.reply.text)
            assertEquals(chat.turns.last(), end.reply)
            assertTrue(chat.canGoOn && end.figures.tokens > 0)
            engine.holds = { false }
            chat.stop()
            val next = chat.send("And then?", greedy).toList().last() as End
            assertNotEquals(StopReason.CANCELLED, next.reason)
        }

    @Test
    fun `it may be closed in its own thread`() =
        runBlocking {
            // Unconfined: the collector runs where events are made.
            val chat = model.chat()
            val end =
                async(Dispatchers.Unconfined) {
                    chat
                        .send("Hello", greedy)
                        .onEach { if (it is ReplyEvent.Round) model.close() }
                        .toList()
                        .last()
                }
            assertEquals(StopReason.CANCELLED, (end.await() as End).reason)
            model.close()
            assertTrue(engine.isClosed)
        }

    @Test
    fun `a completion has no turns of a template`() {
        val events = runBlocking { model.complete("Hello", greedy).toList() }
        assertTrue((events.last() as End).reply.text.isNotEmpty())
        val chat = model.plainChat()
        send(chat, "Hello", ReplyOptions(maxNewTokens = 2, sampling = Sampling.GREEDY))
        assertTrue(chat.snapshot().isPlain)
        runBlocking { chat.goOn(greedy).toList() }
        assertEquals(2, chat.turns.size)
    }

    @Test
    fun `a self-check tells its steps and its outcome`() {
        val steps = ArrayList<CheckStep.Kind>()
        val outcome = runBlocking { model.selfCheck(benchSeconds = 0.5) { steps.add(it.kind) } }
        assertTrue(outcome.passed, outcome.firstDifference)
        assertEquals(CheckStep.Kind.entries, steps.distinct())
    }

    @Test
    fun `a self-check ends when who asked for it is cancelled`() =
        runBlocking(Dispatchers.Default) {
            engine.holdsAtTrace = true
            var outcome: CheckOutcome? = null
            val check = launch { outcome = model.selfCheck(benchSeconds = 600.0) }
            awaitHeld()
            check.cancelAndJoin()
            assertNull(outcome)
            // The cache was the traces'; a chat still finds its own way.
            val chat = model.chat()
            chat.send("Hello", greedy).collect {}
            assertEquals(2, chat.turns.size)
        }
}
