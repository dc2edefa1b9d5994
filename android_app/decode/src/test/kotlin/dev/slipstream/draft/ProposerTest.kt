package dev.slipstream.draft

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.intListOf
import androidx.collection.intSetOf
import com.sun.management.ThreadMXBean
import dev.slipstream.decode.DecodeConfig
import dev.slipstream.decode.DraftSource
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.Hidden
import dev.slipstream.decode.NO_TOKEN
import dev.slipstream.decode.Round
import dev.slipstream.decode.Session
import dev.slipstream.decode.StopReason
import dev.slipstream.scripted.Script
import dev.slipstream.scripted.ScriptedTarget
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource
import org.junit.jupiter.params.provider.EnumSource
import org.junit.jupiter.params.provider.ValueSource
import java.lang.management.ManagementFactory

class ProposerTest {
    private var now = 1_000L

    /** Drafts 100, 101, … with confidences 0.9, 0.8, …; each takes 10 ns. */
    private inner class ScriptedModel(
        private val goesOn: GoesOn,
    ) : Drafter {
        val calls = ArrayList<String>()
        private val drafts = MutableIntList()

        override fun draft(
            cached: IntList,
            bonusToken: Int,
            hidden: Hidden,
            position: Int,
            count: Int,
        ): IntList {
            calls.add("${cached.joinToString(" ")} | $bonusToken $hidden $position $count")
            drafts.clear()
            while (drafts.size < count) {
                now += 10
                drafts.add(100 + drafts.size)
                if (drafts.size < count && !goesOn.goesOn(drafts.size, 1 - drafts.size / 10.0, drafts.size)) break
            }
            return drafts
        }
    }

    /** Plans what it is told to, and goes on for [patience] drafts. */
    private class ScriptedPolicy(
        source: DraftSource? = null,
        count: Int = 0,
        private val patience: Int = 99,
    ) : Policy {
        override val looksUp: Boolean get() = true
        private val plan = DraftPlan(source, count)
        val planned = ArrayList<List<Int>>()
        val asked = ArrayList<Pair<Int, Double>>()
        val observed = ArrayList<List<Any>>()

        override fun plan(
            position: Int,
            most: Int,
            match: Int,
        ): DraftPlan {
            planned.add(listOf(position, most, match))
            return plan
        }

        override fun goesOn(
            drafted: Int,
            confidence: Double,
            made: Int,
        ): Boolean {
            assertEquals(drafted, made)
            asked.add(drafted to confidence)
            return drafted < patience
        }

        override fun observe(
            round: Round,
            draftNanos: Long,
            nanos: Long,
            matched: Int,
        ) {
            observed.add(listOf(round, draftNanos, nanos, matched))
        }
    }

    private lateinit var model: ScriptedModel

    private fun proposer(policy: Policy) =
        Proposer(policy, 64, { goesOn -> ScriptedModel(goesOn).also { model = it } }, { now })

    private fun withoutModel(policy: Policy) = Proposer(policy, 64, clock = { now })

    private fun Proposer.draft(
        text: List<Int>,
        count: Int,
    ): List<Int> {
        val cached = MutableIntList().apply { for (i in 0 until text.size - 1) add(text[i]) }
        val drafts = draft(cached, text.last(), "hidden", cached.size, count)
        return List(drafts.size) { drafts[it] }
    }

    private fun round(
        drafts: IntList = intListOf(),
        width: Int = 1,
        stopReason: StopReason? = null,
        emittedTokens: IntList = intListOf(1),
    ) = Round().set(0, 5, NO_TOKEN, 0, drafts, null, width, intListOf(), 0, emittedTokens, 6, stopReason)

    @Test
    fun `the policy is told where, how many and what matches`() {
        val policy = ScriptedPolicy()
        val one = proposer(policy)
        assertEquals(emptyList<Int>(), one.draft(TEXT, 3) + one.draft(PLAIN, 7))
        assertEquals(listOf(listOf(5, 3, 2), listOf(3, 7, 0)), policy.planned)
        assertEquals(emptyList<String>(), model.calls)
    }

    @Test
    fun `a match gives the tokens that followed it`() {
        val one = proposer(ScriptedPolicy(DraftSource.NGRAM, 6))
        assertEquals(listOf(3, 4, 1, 2, 3, 4), one.draft(TEXT, 6))
        assertEquals(DraftSource.NGRAM, one.source)
        assertEquals(emptyList<String>(), model.calls)
    }

    @Test
    fun `the model is asked for what was planned and told all that the loop says`() {
        val policy = ScriptedPolicy(DraftSource.DRAFTER, 3)
        val one = proposer(policy)
        assertEquals(listOf(100, 101, 102), one.draft(TEXT, 5))
        assertEquals(listOf("1 2 3 4 1 | 2 hidden 5 3"), model.calls)
        assertEquals(DraftSource.DRAFTER, one.source)
        assertEquals(listOf(1 to 0.9, 2 to 0.8), policy.asked)
    }

    @Test
    fun `the policy ends the model's drafts`() {
        val policy = ScriptedPolicy(DraftSource.DRAFTER, 5, patience = 2)
        assertEquals(listOf(100, 101), proposer(policy).draft(TEXT, 5))
        assertEquals(listOf(1 to 0.9, 2 to 0.8), policy.asked)
    }

    @ParameterizedTest
    @EnumSource
    fun `never more than the loop allows`(source: DraftSource) {
        assertEquals(2, proposer(ScriptedPolicy(source, 9)).draft(TEXT, 2).size)
    }

    @ParameterizedTest
    @EnumSource
    fun `no drafts where the source has none`(source: DraftSource) {
        val one = withoutModel(ScriptedPolicy(source, 4))
        assertEquals(emptyList<Int>(), one.draft(PLAIN, 4))
        one.policy = ScriptedPolicy(source, 0)
        assertEquals(emptyList<Int>(), one.draft(TEXT, 4))
        one.policy = ScriptedPolicy(null, 4)
        assertEquals(emptyList<Int>(), one.draft(TEXT, 4))
    }

    @Test
    fun `a round finds nothing of the one before`() {
        val one = proposer(ScriptedPolicy(DraftSource.DRAFTER, 3))
        one.draft(TEXT, 3)
        one.policy = ScriptedPolicy(DraftSource.NGRAM, 3)
        assertEquals(emptyList<Int>(), one.draft(PLAIN, 3))
        assertNull(one.source)
    }

    @Test
    fun `the index follows texts of rounds that the model drafted`() {
        val one = proposer(ScriptedPolicy(DraftSource.DRAFTER, 1))
        one.draft(listOf(1, 2, 3, 4), 4)
        one.draft(listOf(1, 2, 3, 4, 9, 1), 4)
        one.policy = ScriptedPolicy(DraftSource.NGRAM, 2)
        assertEquals(listOf(3, 4), one.draft(listOf(1, 2, 3, 4, 9, 1, 2), 4))
        assertEquals(emptyList<Int>(), one.draft(listOf(7, 2, 3, 4, 9, 1, 2), 4))
    }

    @Test
    fun `times are the clock's`() {
        val policy = ScriptedPolicy(DraftSource.DRAFTER, 4, patience = 3)
        val one = proposer(policy)
        one.draft(TEXT, 4)
        assertEquals(30L, one.draftNanos)
        val done = round(intListOf(100, 101, 102), 5)
        one.observe(done, 530)
        assertEquals(listOf(listOf(done, 30L, 530L, 0)), policy.observed)
    }

    @Test
    fun `passes that were completed are observed and no other round`() {
        val policy = ScriptedPolicy(DraftSource.DRAFTER, 2)
        val one = proposer(policy)
        one.observe(round(width = 0), 7)
        one.observe(round(intListOf(100), 3, StopReason.CANCELLED), 7)
        one.observe(round(stopReason = StopReason.CANCELLED), 7)
        assertEquals(emptyList<List<Any>>(), policy.observed)
        val last = round(stopReason = StopReason.MAX_NEW_TOKENS)
        one.observe(last, 9)
        assertEquals(listOf(listOf(last, 0L, 9L, 0)), policy.observed)
    }

    /** The match's drafts are 3 4 1 2 3 … */
    @ParameterizedTest
    @CsvSource("NGRAM", "DRAFTER", "''")
    fun `a match is judged by the text whatever was drafted`(source: String) {
        val policy = ScriptedPolicy(DraftSource.entries.find { it.name == source }, 2)
        val one = proposer(policy)
        val cases =
            listOf(
                listOf(3, 4, 1) to 3,
                listOf(3, 4, 1, 2, 3, 4, 1) to 7,
                listOf(3, 4, 9, 2) to 2,
                listOf(9) to 0,
            )
        for ((emitted, matched) in cases) {
            one.draft(TEXT, 4)
            val tokens = MutableIntList().apply { emitted.forEach { add(it) } }
            val done = round(width = 3, emittedTokens = tokens)
            one.observe(done, 9)
            assertEquals(matched, policy.observed.last()[3])
            // The loop does not ask before the last round: there is no match.
            one.observe(done, 9)
            assertEquals(0, policy.observed.last()[3])
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = [false, true])
    fun `a round that was not drafted for took no time to draft`(isCancelled: Boolean) {
        val policy = ScriptedPolicy(DraftSource.DRAFTER, 2)
        val one = proposer(policy)
        one.draft(TEXT, 2)
        one.observe(round(intListOf(100, 101), 3, StopReason.CANCELLED.takeIf { isCancelled }), 50)
        val last = round()
        one.observe(last, 9)
        assertEquals(listOf(last, 0L, 9L, 0), policy.observed.last())
        assertNull(one.source)
    }

    /** Over a session: the rounds that a policy does not learn from reach the proposer, too. */
    @Test
    fun `after a cancelled round one that was not drafted for took no time to draft`() {
        val policy = ScriptedPolicy(DraftSource.DRAFTER, 2)
        val one = proposer(policy)
        val target =
            ScriptedTarget(Script(seed = 1, vocab = 50, fillLength = 0, drafter = null), 64, intListOf(1, 3, 5))
        val session = Session(target, one, DecodeConfig(4, intSetOf()), observer = one, clock = { now })
        var asked = 0
        val cancelled = session.turn(intListOf(3, 1, 4), 9, { asked++ >= CANCELLED_AFTER_DRAFTING }).last()
        assertEquals(StopReason.CANCELLED, cancelled.stopReason)
        assertEquals(1, policy.planned.size)
        assertEquals(emptyList<List<Any>>(), policy.observed)
        val last = session.turn(intListOf(), 2).last()
        assertEquals(0, last.draftTokens.size)
        assertEquals(listOf(listOf(last, 0L, 0L, 0)), policy.observed)
    }

    @ParameterizedTest
    @CsvSource(
        "4, false, 0, DRAFTER",
        "4, false, 5, DRAFTER",
        "4, true, 0, DRAFTER",
        "4, true, 2, NGRAM",
        "0, false, 5,",
        "0, true, 5,",
    )
    fun `fixed takes its count and the text first where it may`(
        count: Int,
        ngrams: Boolean,
        match: Int,
        source: DraftSource?,
    ) {
        val policy = Fixed(count, ngrams)
        val plan = policy.plan(17, 9, match)
        assertEquals(source, plan.source)
        assertEquals(count, plan.count)
        assertTrue(policy.goesOn(1, 0.0, 1))
    }

    @Test
    fun `fixed without a model decodes texts without a match plainly`() {
        val one = withoutModel(Fixed(4, ngrams = true))
        assertEquals(emptyList<Int>(), one.draft(PLAIN, 4))
        assertEquals(listOf(3, 4, 1, 2), one.draft(TEXT, 4))
        one.policy = Fixed(4)
        assertEquals(emptyList<Int>(), one.draft(TEXT, 4))
    }

    @Test
    fun `drafting allocates nothing`() {
        val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
        val drafts = MutableIntList().apply { for (i in 0..3) add(i) }
        val model = { goesOn: GoesOn ->
            Drafter { _, _, _, _, count ->
                for (i in 1 until count) goesOn.goesOn(i, 0.5, i)
                drafts
            }
        }
        val one = Proposer(Fixed(4, ngrams = true), 64, model)
        val cached = MutableIntList(64)
        val done = round()
        var found = 0

        fun rounds() {
            cached.clear()
            for (i in 0 until 50) {
                cached.add(i * 7 % 10)
                found += one.draft(cached, i * 3 % 10, this, cached.size, 4).size
                one.observe(done, 1)
            }
        }
        repeat(1_000) { rounds() }
        val begin = threads.currentThreadAllocatedBytes
        repeat(400) { rounds() }
        val bytes = threads.currentThreadAllocatedBytes - begin
        assertTrue(found == 1_400 * 50 * 4, "$found")
        // Reading the counter may itself allocate some bytes, once.
        assertTrue(bytes < 2_000, "$bytes bytes in 20,000 rounds")
    }

    private companion object {
        /** The match is 1 2, and 3 4 1 2 followed. */
        val TEXT = listOf(1, 2, 3, 4, 1, 2)
        val PLAIN = listOf(5, 6, 7, 8)

        /** Asked before: before and after the prefill, and at the start of the drafted round. */
        const val CANCELLED_AFTER_DRAFTING = 3
    }
}
