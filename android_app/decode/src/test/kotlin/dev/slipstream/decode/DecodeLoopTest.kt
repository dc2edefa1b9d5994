package dev.slipstream.decode

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.intListOf
import androidx.collection.intSetOf
import dev.slipstream.errors.PromptTooLongException
import dev.slipstream.errors.UsageException
import dev.slipstream.scripted.DrafterScript
import dev.slipstream.scripted.Script
import dev.slipstream.scripted.ScriptedDrafter
import dev.slipstream.scripted.ScriptedTarget
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import kotlin.random.Random

class DecodeLoopTest {
    private val script =
        Script(seed = 7, vocab = 50, fillLength = 2, DrafterScript(seed = 8, hitPercent = 70, fewerPercent = 5))
    private val prompt = intListOf(3, 1, 4)

    private fun session(
        capacity: Int = 200,
        drafts: Int = 4,
        widths: IntList = intListOf(1, 3, 5),
        wrap: (Target) -> Target = { it },
    ): Session {
        val target = ScriptedTarget(script, capacity, widths)
        val drafter = ScriptedDrafter(script.drafter!!, target)
        return Session(wrap(target), if (drafts > 0) drafter else null, DecodeConfig(drafts, intSetOf()))
    }

    private fun Session.tokens(
        prompt: IntList,
        count: Int,
    ): List<Int> = turn(prompt, count).flatMap { round -> round.emittedTokens.toList() }.toList()

    @Test
    fun `drafted text is plain text, for every number of drafts`() {
        val plain = session(drafts = 0).tokens(prompt, 100)
        assertEquals(100, plain.size)
        for (drafts in 1..4) assertEquals(plain, session(drafts = drafts).tokens(prompt, 100))
    }

    @Test
    fun `turns leave the cache as one prefill of the same tokens would`() {
        val session = session()
        val first = session.tokens(prompt, 10)
        val second = session.tokens(intListOf(9, 2), 10)
        val whole = tokens(listOf(3, 1, 4) + first + listOf(9, 2))
        assertEquals(second, session().tokens(whole, 10))
    }

    @Test
    fun `a full cache ends the turn at every capacity, with the tokens of a larger one`() {
        val plain = session(drafts = 0).tokens(prompt, 60)
        for (capacity in 3..40) {
            val rounds = session(capacity).turn(prompt, 100).map(Round::copy).toList()
            assertEquals(StopReason.CACHE_FULL, rounds.last().stopReason)
            assertEquals(plain.take(capacity - 2), rounds.flatMap { it.emittedTokens.toList() })
        }
    }

    @Test
    fun `a turn given up at any question goes on to the same text`() {
        val plain = session(drafts = 0).tokens(prompt, 40)
        for (cancelAt in 0..30) {
            val session = session()
            var asked = 0
            val before =
                session
                    .turn(
                        prompt,
                        40,
                        { asked++ >= cancelAt },
                    ).flatMap { it.emittedTokens.toList() }
                    .toList()
            // A prefill that was given up did not take the prompt.
            val again = if (before.isEmpty()) prompt else intListOf()
            assertEquals(plain, before + session.tokens(again, 40 - before.size))
        }
    }

    /** Edited, asked again, gone on with: any beginning of what was said, and any tokens behind it. */
    @Test
    fun `a context from the start is decoded as if it were new`() {
        val random = Random(1)
        repeat(60) {
            val session = session(300)
            var said = emptyList<Int>()
            repeat(5) {
                val begun = said.take(random.nextInt(said.size + 1))
                val context = begun + List(random.nextInt(1, 5)) { random.nextInt(50) }
                val shared =
                    context
                        .dropLast(1)
                        .zip(said.dropLast(1))
                        .takeWhile { (new, old) -> new == old }
                        .size
                val rounds = session.turn(tokens(context), 12, fromStart = true).map(Round::copy).toList()
                assertEquals(shared to NO_TOKEN, rounds[0].position to rounds[0].bonusToken)
                val reply = rounds.flatMap { it.emittedTokens.toList() }
                assertEquals(session(300).tokens(tokens(context), 12), reply)
                said = context + reply
                assertEquals(said.dropLast(1), session.state.cached.toList())
            }
        }
    }

    @Test
    fun `a context from the start that is refused leaves the conversation as it was`() {
        val session = session(20)
        val said = prompt.toList() + session.tokens(prompt, 6)
        val tooLong = tokens(List(21) { it })
        assertThrows<PromptTooLongException> { session.turn(tooLong, 4, fromStart = true).first() }
        assertThrows<UsageException> { session.turn(intListOf(), 4, fromStart = true).first() }
        assertEquals(said.dropLast(1) to said.last(), session.state.cached.toList() to session.state.bonusToken)
    }

    @Test
    fun `a prefill is shown and given up between its passes`() {
        val context = tokens(List(9) { it })
        val shown = ArrayList<Pair<Int, Int>>()
        session().turn(context, 1, filled = { done, total -> shown.add(done to total) }).count()
        assertEquals(listOf(2 to 9, 4 to 9, 6 to 9, 8 to 9), shown)
        for (cancelAt in 0..5) {
            val session = session()
            var asked = 0
            val round = session.turn(context, 1, { asked++ >= cancelAt }).single()
            assertEquals(StopReason.CANCELLED to minOf(cancelAt, 4), round.stopReason to round.fills)
            assertEquals(0, session.state.cacheLength)
        }
    }

    @Test
    fun `a prefill from the start that is given up keeps what it shares`() {
        val session = session()
        session.tokens(prompt, 9)
        val context = intListOf(3, 1, 30, 31, 30, 31)
        var asked = 0
        session.turn(context, 4, { asked++ >= 2 }, fromStart = true).count()
        assertEquals(listOf(3, 1) to NO_TOKEN, session.state.cached.toList() to session.state.bonusToken)
        val again = session.turn(context, 4, fromStart = true).flatMap { it.emittedTokens.toList() }.toList()
        assertEquals(session().tokens(context, 4), again)
    }

    @Test
    fun `a target that fails leaves the conversation as it was`() {
        var fail = false
        val session =
            session(wrap = { target ->
                object : Target by target {
                    override fun verify(
                        tokens: IntList,
                        position: Int,
                        width: Int,
                    ): TargetOutput = target.verify(tokens, position, width).also { check(!fail) }
                }
            })
        val rounds = session.turn(prompt, 40).iterator()
        val before = (rounds.next().emittedTokens.toList() + rounds.next().emittedTokens.toList())
        fail = true
        assertThrows<IllegalStateException> { rounds.next() }
        fail = false
        val plain = session(drafts = 0).tokens(prompt, 40)
        assertEquals(plain, before + session.tokens(intListOf(), 40 - before.size))
    }

    @Test
    fun `what can't be decoded is refused and nothing changes`() {
        val session = session(capacity = 4)
        assertThrows<PromptTooLongException> { session.tokens(intListOf(1, 2, 3, 4, 5), 5) }
        assertThrows<UsageException> { session.tokens(intListOf(), 5) }
        assertThrows<UsageException> { session.tokens(prompt, 0) }
        assertEquals(0, session.state.cacheLength)
        assertEquals(4, session.room)
        session.tokens(prompt, 1)
        assertEquals(0, session.room)
    }

    @Test
    fun `a session that was reset starts anew`() {
        val session = session()
        val first = session.tokens(prompt, 10)
        session.reset()
        assertEquals(first, session.tokens(prompt, 10))
    }

    @Test
    fun `the round is one object, its copy another`() {
        val rounds = session().turn(prompt, 20).iterator()
        val first = rounds.next()
        val kept = first.copy()
        assertSame(first, rounds.next())
        assertFalse(kept.index == first.index)
    }

    private fun IntList.toList(): List<Int> = List(size) { this[it] }

    private fun tokens(tokens: List<Int>): IntList = MutableIntList().apply { tokens.forEach(::add) }
}
