package dev.slipstream.sampling

import androidx.collection.intListOf
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.FloatBuffer

class DistributionTest {
    private fun distribution(vararg weights: Pair<Int, Double>) =
        Distribution().apply { weights.forEach { (token, weight) -> add(token, weight) } }

    private fun pairs(distribution: Distribution) =
        List(distribution.count) { distribution.tokens[it] to distribution.weights[it] }

    private fun filtered(
        sampling: Sampling,
        vararg logits: Float,
    ): List<Int> {
        val row = LogitRow().apply { read(FloatBuffer.wrap(logits), 0, logits.size, position = 0) }
        val found = Distribution().also { Filter().apply(row, sampling, it) }
        return List(found.count) { found.tokens[it] }
    }

    @Test
    fun `a token is drawn where the sum of weights exceeds the number, not where it reaches it`() {
        val even = distribution(7 to 0.5, 3 to 0.5)
        assertEquals(7, draw(even, 0.0))
        assertEquals(7, draw(even, 0.4999))
        assertEquals(3, draw(even, 0.5))
        assertEquals(3, draw(even, 0.9999))
    }

    @Test
    fun `the last token is drawn where nothing exceeds the number`() {
        assertEquals(4, draw(distribution(9 to 0.25, 4 to 0.25), 1.0))
    }

    @Test
    fun `a residual is what p has more of, by its scale`() {
        val p = distribution(5 to 0.5, 2 to 0.25, 8 to 0.25)
        val q = distribution(2 to 0.5, 5 to 0.25, 77_777 to 0.25)
        assertEquals(listOf(5 to 0.25, 8 to 0.25), pairs(Residual().of(p, q, 1.0)))
        assertEquals(listOf(5 to 0.125, 8 to 0.1875), pairs(Residual().of(p, q, 0.75)))
        assertEquals(0, Residual().of(p, p, 1.0).count)
    }

    @Test
    fun `behind drafts that are not kept stands p where it has no more of anything`() {
        val p = distribution(7 to 0.25, 8 to 0.25)
        val q = distribution(7 to 0.5, 8 to 0.5)
        val kept =
            List(40) { seed ->
                with(Block()) {
                    verify(listOf(p, q), intListOf(7), listOf(q), 1, seed.toLong(), 3) to
                        rest
                }
            }
        assertTrue(kept.count { it.first == 0 } in 10..30)
        for ((count, rest) in kept) assertSame(if (count == 0) p else q, rest)
    }

    @Test
    fun `what is 40 below has a weight, what is further below has none`() {
        for (topK in listOf(0, 5)) {
            assertEquals(listOf(0, 1), filtered(Sampling(1.0, topK), 9f, -31f, -31.0001f))
            assertEquals(listOf(0, 1), filtered(Sampling(2.0, topK), 9f, -71f, -71.0001f))
            assertEquals(listOf(1), filtered(Sampling(1e-9, topK), 9f, 9.000001f))
        }
    }

    @Test
    fun `more than are selected by size are cut to top k all the same`() {
        val logits = FloatArray(6000) { (it * 7919 % 6000) / 1000f }
        val wanted = logits.indices.sortedWith { a, b -> logits[b].compareTo(logits[a]) }
        for (topK in listOf(4096, 4097, 5999)) {
            assertEquals(wanted.take(topK), filtered(Sampling(1.0, topK), *logits))
        }
    }
}
