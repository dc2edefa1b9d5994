package dev.slipstream.sampling

import dev.slipstream.errors.RuntimeLibraryException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.nio.FloatBuffer
import kotlin.random.Random

class CandidatesTest {
    private val candidates = Candidates()

    private fun row(logits: FloatArray) =
        LogitRow().apply { read(FloatBuffer.wrap(logits), 0, logits.size, position = 3) }

    private fun found(): List<Pair<Int, Float>> =
        List(candidates.count) { candidates.token(it) to candidates.logit(it) }

    /** Descending by logit; sorting is stable, so that the lower id comes first among equals. */
    private fun ordered(logits: FloatArray): List<Pair<Int, Float>> =
        logits.indices.map { it to logits[it] + 0f }.sortedWith { a, b -> b.second.compareTo(a.second) }

    @Test
    fun `the best of many rows are those of a sorted row, ties among them`() {
        val random = Random(5)
        repeat(300) { n ->
            val steps = if (n % 3 == 0) 7 else 1 shl 20
            val logits = FloatArray(random.nextInt(1, 6000)) { (random.nextInt(steps) - steps / 2) / 64f }
            for (most in listOf(1, 2, 64, 700, logits.size).map { minOf(it, logits.size) }) {
                candidates.takeBest(row(logits), most)
                assertEquals(ordered(logits).take(most), found())
            }
        }
    }

    @Test
    fun `rows that rise or fall all along are no special case`() {
        val rows =
            listOf<(Int) -> Float>(
                { it / 7f },
                { -it / 7f },
                { 2f },
                // In steps of equals, some longer than what is looked at together.
                { (it / 50).toFloat() },
                { (it / 700).toFloat() },
                // Equals at the end of what rises: the lowest ids of them stay.
                { minOf(it, 6000).toFloat() },
                { if (it < 6000) it.toFloat() else 5990f + it % 8 },
                { it * (1 - it % 2 * 2) / 7f },
            )
        for (row in rows) {
            for (size in listOf(6145, 9000, 20_000)) {
                val logits = FloatArray(size, row)
                for (most in listOf(1, 64, 700)) {
                    candidates.takeBest(row(logits), most)
                    assertEquals(ordered(logits).take(most), found())
                }
            }
        }
    }

    @Test
    fun `the first logit that is no finite number is named wherever a rising row has it`() {
        for (wrong in listOf(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)) {
            for (token in listOf(0, 500, 4000, 7000, 19_999)) {
                val logits = FloatArray(20_000) { if (it == token) wrong else it.toFloat() }
                val error = assertThrows<RuntimeLibraryException> { candidates.takeBest(row(logits), 64) }
                assertEquals("$wrong for token $token", error.found)
            }
        }
    }

    @Test
    fun `all of a row down to a limit, but no more than asked for`() {
        val random = Random(6)
        repeat(100) {
            val logits = FloatArray(random.nextInt(1, 5000)) { random.nextInt(-200, 200) / 8f }
            val least = random.nextInt(-30, 20).toFloat()
            val wanted = ordered(logits).filter { (_, logit) -> logit >= least }
            for (most in listOf(3, logits.size)) {
                candidates.takeAll(row(logits), least, most)
                assertEquals(wanted.take(most), found())
            }
        }
    }

    @Test
    fun `a negative zero is zero, every other float has its place`() {
        val logits =
            floatArrayOf(-0f, 0f, Float.MIN_VALUE, -Float.MIN_VALUE, -0f, Float.MAX_VALUE, -Float.MAX_VALUE, 1f, -1f)
        val wanted = listOf(5, 7, 2, 0, 1, 4, 3, 8, 6)
        candidates.takeBest(row(logits), logits.size)
        assertEquals(wanted, found().map { it.first })
        candidates.takeAll(row(logits), Float.NEGATIVE_INFINITY, logits.size)
        assertEquals(wanted, found().map { it.first })
    }
}
