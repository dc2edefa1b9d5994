package dev.slipstream.decode

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.intListOf
import androidx.collection.intSetOf
import com.sun.management.ThreadMXBean
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.lang.management.ManagementFactory

class AllocationTest {
    private val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean

    /** A target and a drafter that allocate nothing themselves; every second draft is right. */
    private class Steady : Target {
        override val capacity = 1_000_000
        override val verifyWidths = intListOf(1, 3, 5)
        private val tokens = MutableIntList(8)
        private val drafts = MutableIntList(8)
        private val output = TargetOutput(tokens, List(5) { Any() })
        val drafter =
            Drafter { _, bonusToken, _, _, count ->
                drafts.clear()
                for (i in 0 until count) drafts.add(bonusToken + i % 2)
                drafts
            }

        override fun fillCount(
            numTokens: Int,
            position: Int,
        ): Int = 0

        override fun fill(
            tokens: IntList,
            position: Int,
        ) {}

        override fun prefill(
            tokens: IntList,
            position: Int,
        ): TargetOutput = verify(tokens, position, 1)

        override fun verify(
            tokens: IntList,
            position: Int,
            width: Int,
        ): TargetOutput {
            this.tokens.clear()
            for (i in 0 until tokens.size) this.tokens.add(tokens[0])
            return output
        }

        override fun rollback(cacheLength: Int) {}
    }

    private fun allocated(
        rounds: Int,
        each: (Round) -> Unit,
    ): Long {
        val target = Steady()
        val turn = Session(target, target.drafter, DecodeConfig(4, intSetOf())).turn(intListOf(7), 900_000).iterator()
        repeat(WARM_UP) { each(turn.next()) }
        val begin = threads.currentThreadAllocatedBytes
        repeat(rounds) { each(turn.next()) }
        return threads.currentThreadAllocatedBytes - begin
    }

    @Test
    fun `rounds allocate nothing`() {
        var emitted = 0
        val bytes = allocated(ROUNDS) { emitted += it.emittedTokens.size }
        assertTrue(emitted > ROUNDS)
        // Reading the counter may itself allocate some bytes, once.
        assertTrue(bytes < ROUNDS / 10, "$bytes bytes in $ROUNDS rounds")
    }

    @Test
    fun `the counter sees a round that is kept`() {
        assertTrue(allocated(ROUNDS) { it.copy() } > 100L * ROUNDS)
        assertEquals(true, threads.isThreadAllocatedMemoryEnabled)
    }

    private companion object {
        const val WARM_UP = 20_000
        const val ROUNDS = 20_000
    }
}
