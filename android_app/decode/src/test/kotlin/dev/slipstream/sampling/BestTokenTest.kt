package dev.slipstream.sampling

import dev.slipstream.errors.RuntimeLibraryException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.nio.FloatBuffer
import kotlin.random.Random

class BestTokenTest {
    private val choice = BestToken()

    private fun best(vararg row: Float) = choice.of(FloatBuffer.wrap(row), 0, row.size, position = 7)

    @Test
    fun `the largest logit wins, the lowest id among equals`() {
        assertEquals(1, best(1f, 3f, 2f, 3f))
        assertEquals(0, best(-5f, -5f))
        assertEquals(0, best(0f, -0f))
    }

    @Test
    fun `rows of a pass are told apart`() {
        val rows = FloatBuffer.wrap(floatArrayOf(0f, 1f, 9f, 8f, 3f, 4f))
        assertEquals(listOf(1, 0, 1), List(3) { choice.of(rows, it * 2, 2, it) })
    }

    @Test
    fun `a logit that is no finite number is an error that names its slot`() {
        val rows =
            listOf(
                floatArrayOf(Float.NaN, 1f),
                floatArrayOf(1f, Float.NaN),
                floatArrayOf(1f, 2f, Float.NaN),
                floatArrayOf(Float.POSITIVE_INFINITY, 1f),
                floatArrayOf(Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY),
                floatArrayOf(Float.NEGATIVE_INFINITY, 1f, 4f),
                floatArrayOf(4f, 1f, Float.NEGATIVE_INFINITY, 2f),
                floatArrayOf(4f, Float.POSITIVE_INFINITY, 5f),
            )
        for (row in rows) {
            val error = assertThrows<RuntimeLibraryException> { best(*row) }
            assertTrue("cache slot 7" in error.where, error.where)
        }
    }

    @Test
    fun `the first that is no finite number is named, whatever the others are`() {
        val row = FloatArray(9000) { it.toFloat() }
        for (wrong in listOf(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)) {
            for (later in listOf(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)) {
                row[4096] = wrong
                row[8999] = later
                val error = assertThrows<RuntimeLibraryException> { best(*row) }
                assertEquals("$wrong for token 4096", error.found)
            }
        }
    }

    @Test
    fun `it is the first maximum of many random rows, ties among them`() {
        val random = Random(3)
        repeat(2000) {
            val row = FloatArray(random.nextInt(2, if (it % 100 == 0) 20_000 else 40)) { random.nextInt(6).toFloat() }
            assertEquals(row.indexOfFirst { it == row.max() }, best(*row))
        }
        for (peak in listOf(0, 4095, 4096, 8999)) {
            assertEquals(peak, best(*FloatArray(9000) { if (it == peak) 1f else 0f }))
        }
    }

    @Test
    fun `the margin is the distance to the second, none at a tie`() {
        assertEquals(0.5, margin(FloatBuffer.wrap(floatArrayOf(1f, 3f, 2.5f)), 0, 3))
        assertEquals(0.0, margin(FloatBuffer.wrap(floatArrayOf(3f, 1f, 3f)), 0, 3))
        assertEquals(2.0, margin(FloatBuffer.wrap(floatArrayOf(9f, 1f, 3f)), 1, 2))
    }
}
