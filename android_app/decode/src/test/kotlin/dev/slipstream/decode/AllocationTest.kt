package dev.slipstream.decode

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.intListOf
import androidx.collection.intSetOf
import com.sun.management.ThreadMXBean
import dev.slipstream.sampling.DraftChoice
import dev.slipstream.sampling.Sampler
import dev.slipstream.sampling.Sampling
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.lang.management.ManagementFactory
import java.nio.FloatBuffer

class AllocationTest {
    private val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean

    /** A target and a drafter that allocate nothing themselves; every second draft is right, unless they are sampled. */
    private class Steady(
        private val sampler: Sampler?,
    ) : Target {
        override val capacity = 1_000_000
        override val verifyWidths = intListOf(1, 3, 5)
        private val tokens = MutableIntList(8)
        private val drafts = MutableIntList(8)
        private val output = TargetOutput(tokens, List(5) { Any() })
        val drafter =
            Drafter { _, bonusToken, _, position, count ->
                drafts.clear()
                if (sampler != null) sampler.beginDrafts(bonusToken, position)
                for (i in 0 until count) drafts.add(sampler?.let { draft(it) } ?: (bonusToken + i % 2))
                drafts
            }

        private val rows =
            FloatBuffer.allocate(5 * VOCAB).apply { for (i in 0 until capacity()) put(i, i * 7919 % VOCAB / 900f) }

        private fun draft(sampler: Sampler): Int = sampler.draftToken(rows, VOCAB, wantsConfidence = true)

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
            if (sampler != null) {
                sampler.wrote(tokens, position)
                sampler.targetTokens(rows, VOCAB, tokens, position, this.tokens)
                return output
            }
            this.tokens.clear()
            for (i in 0 until tokens.size) this.tokens.add(tokens[0])
            return output
        }

        override fun rollback(cacheLength: Int) {}
    }

    private fun allocated(
        rounds: Int,
        sampling: Sampling? = null,
        each: (Round) -> Unit,
    ): Long {
        val target = Steady(sampling?.let { Sampler(it, 1_000_000) })
        val turn = Session(target, target.drafter, DecodeConfig(4, intSetOf())).turn(intListOf(7), 900_000).iterator()
        repeat(rounds) { each(turn.next()) }
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
    fun `sampled rounds allocate nothing`() {
        val drawn = Sampling(1.0, topK = 64, topP = 0.95, minP = 0.01, repetitionPenalty = 1.1, repetitionWindow = 64)
        for (sampling in listOf(drawn, drawn.copy(topK = 0), drawn.copy(drafts = DraftChoice.GREEDY), Sampling())) {
            var emitted = 0
            var accepted = 0
            val bytes =
                allocated(SAMPLED_ROUNDS, sampling) {
                    emitted += it.emittedTokens.size
                    accepted += it.numAccepted
                }
            assertTrue(emitted > SAMPLED_ROUNDS && accepted > 0, "$sampling: $emitted emitted, $accepted accepted")
            assertTrue(bytes < SAMPLED_ROUNDS, "$sampling: $bytes bytes in $SAMPLED_ROUNDS rounds")
        }
    }

    @Test
    fun `rows of a large vocabulary are drawn from without an object`() {
        val rows =
            FloatBuffer.allocate(LARGE_VOCAB).apply {
                for (i in 0 until LARGE_VOCAB) {
                    put(
                        i,
                        i * 7919L % 9973 / 900f,
                    )
                }
            }
        val tokens = intListOf(1)
        val said = MutableIntList(1)
        for (topK in listOf(0, 64)) {
            val sampler = Sampler(Sampling(1.0, topK, topP = 0.95), 1)
            repeat(LARGE_ROWS) { sampler.targetTokens(rows, LARGE_VOCAB, tokens, 0, said) }
            val begin = threads.currentThreadAllocatedBytes
            repeat(LARGE_ROWS) { sampler.targetTokens(rows, LARGE_VOCAB, tokens, 0, said) }
            val bytes = threads.currentThreadAllocatedBytes - begin
            assertTrue(bytes < 16 * LARGE_ROWS, "top_k $topK: $bytes bytes in $LARGE_ROWS rows")
        }
    }

    @Test
    fun `the counter sees a round that is kept`() {
        assertTrue(allocated(ROUNDS) { it.copy() } > 100L * ROUNDS)
        assertEquals(true, threads.isThreadAllocatedMemoryEnabled)
    }

    private companion object {
        const val ROUNDS = 20_000
        const val SAMPLED_ROUNDS = 4_000
        const val VOCAB = 3_000
        const val LARGE_VOCAB = 262_144
        const val LARGE_ROWS = 100
    }
}
