package dev.slipstream.draft

import androidx.collection.intListOf
import com.sun.management.ThreadMXBean
import dev.slipstream.decode.DraftSource
import dev.slipstream.errors.UsageException
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.lang.management.ManagementFactory

private const val MS = 1_000_000L

class AutoTest {
    private fun device(vararg passes: Long) =
        Device(
            intArrayOf(1, 3, 5),
            passes,
            8 * MS,
            8 * MS,
            replan = 30 * MS,
            noise = 50,
            outlierEvery = 0,
            outlierNanos = 0,
            heat = 0,
            heatFrom = 0,
            heatTokens = 1,
        )

    private fun text(rate: Int) = Text(intArrayOf(0), intArrayOf(rate), 0, 0, 0, 0)

    /** A policy after some rounds, how many drafts each planned and how long all took. */
    private class Played(
        val policy: Auto,
        val lengths: List<Int>,
        val nanos: Long,
    )

    private fun played(
        device: Device,
        rate: Int,
        rounds: Int,
    ): Played {
        val play = Play(device, text(rate), 1)
        val policy = Auto(intListOf(1, 3, 5), true)
        val lengths = List(rounds) { play.round(policy, 99).let { play.planned } }
        return Played(policy, lengths, play.nanos)
    }

    @Test
    fun `where drafting never pays nearly all rounds are plain`() {
        val played = played(device(145 * MS, 262 * MS, 581 * MS), rate = 200, rounds = 1000)
        val lengths = played.lengths
        assertTrue(lengths.count { it == 0 } in 971..999, "$lengths")
        assertTrue(
            played.policy.probeNanos in 1 until played.nanos / 25,
            "${played.policy.probeNanos} of ${played.nanos}",
        )
    }

    @Test
    fun `where it pays the longest drafts are found`() {
        val lengths = played(device(145 * MS, 160 * MS, 175 * MS), rate = 900, rounds = 1000).lengths
        assertTrue(lengths.count { it == 4 } > 900, "$lengths")
    }

    @Test
    fun `known costs are used from the first round on`() {
        val paying = device(145 * MS, 160 * MS, 175 * MS)
        val known = parseStrictJson(json(played(paying, rate = 900, rounds = 500).policy.exportKnown()))
        val policy = Auto(intListOf(1, 3, 5), true).also { it.importKnown(known) }
        assertEquals(4, policy.plan(20, 99, 0).count)
        assertEquals(0, Auto(intListOf(1, 3, 5), true).plan(20, 99, 0).count)
    }

    @Test
    fun `known costs that exportKnown does not write are refused`() {
        val right = knownText(played(device(145 * MS, 160 * MS, 175 * MS), rate = 900, rounds = 200).policy)
        for ((old, new) in WRONG) {
            assertTrue(old in right, "$old in $right")
            val policy = Auto(intListOf(1, 3, 5), true)
            val error =
                assertThrows<UsageException> { policy.importKnown(parseStrictJson(right.replaceFirst(old, new))) }
            assertEquals(2, error.exitCode)
            assertEquals(0, policy.plan(20, 99, 0).count)
        }
        assertThrows<UsageException> { Auto(intListOf(1, 3), true).importKnown(null) }
    }

    @Test
    fun `rounds allocate nothing`() {
        val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
        val policy = Auto(intListOf(1, 3, 5), true)
        val play = Rounds(policy)
        repeat(20_000) { play.next() }
        val begin = threads.currentThreadAllocatedBytes
        repeat(20_000) { play.next() }
        val bytes = threads.currentThreadAllocatedBytes - begin
        assertTrue(play.drafted > 1_000, "${play.drafted} rounds")
        // Reading the counter may itself allocate some bytes, once.
        assertTrue(bytes < 2_000, "$bytes bytes")
    }

    /** Rounds in which drafting pays half of the time, made without allocating. */
    private class Rounds(
        private val policy: Auto,
    ) {
        private var i = 0

        /** How many rounds had drafts of the model. */
        var drafted = 0
            private set

        fun next() {
            i += 1
            val plan = policy.plan(20 + i, 4, if (i % 7 == 0) 3 else 0)
            if (plan.source == DraftSource.DRAFTER) drafted += 1
            var count = minOf(1, plan.count)
            while (count in 1 until plan.count && policy.goesOn(count, 0.9, count)) count += 1
            val accepted = if (i / 1000 % 2 == 0) count else 0
            policy.observe(20 + i, count, accepted, count * 8 * MS, (100 + 20 * count) * MS, i % 2)
        }
    }

    private companion object {
        val WRONG =
            listOf(
                "slipstream-draft-costs" to "slipstream-trace",
                "\"version\":1" to "\"version\":2",
                "\"version\":1" to "\"version\":true",
                "\"account\":" to "\"account\":0.",
                "\"tokens\":" to "\"tokens\":-",
                "\"plain\":[" to "\"plain\":[0,",
                "\"draft_nanos\":" to "\"draft_nano\":",
                "\"1\":" to "\"01\":",
                "\"1\":" to "\"1\":-",
                "\"1\":" to "\"1\":0.",
                "\"drafter\":[[" to "\"drafter\":[[9007199254740992,",
                "\"drafter\":[[" to "\"drafter\":[[1,0],[",
                "\"confidence\":[[0,0]," to "\"confidence\":[",
            )
    }
}
