package dev.slipstream.litert

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.nio.FloatBuffer
import kotlin.random.Random

class MasksTest {
    @Test
    fun `row i of a causal mask shows slots up to position + i, however it got there`() {
        val random = Random(1)
        for (rows in listOf(1, 3, 5)) {
            val capacity = 12
            val buffer = FloatBuffer.allocate(rows * capacity)
            val mask = CausalMask(buffer, rows, capacity)
            repeat(200) {
                val position = random.nextInt(capacity)
                mask.moveTo(position)
                for (row in 0 until rows) {
                    val shown = (0 until capacity).filter { buffer.get(row * capacity + it) == 0f }
                    assertEquals((0..minOf(position + row, capacity - 1)).toList(), shown, "position $position")
                }
            }
        }
    }

    @Test
    fun `a prefix mask shows the slots below its length and hides all others`() {
        val buffer = FloatBuffer.allocate(9)
        val mask = PrefixMask(buffer, 9)
        for (length in listOf(0, 4, 9, 2, 3, 0)) {
            mask.show(length)
            val expected = List(9) { if (it < length) 0f else HIDDEN }
            assertEquals(expected, List(9) { buffer.get(it) })
        }
    }
}
