package dev.slipstream.litert

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class ClosingTest {
    @Test
    fun `the last is closed first, and once`() {
        val order = ArrayList<Int>()
        val closing = Closing()
        for (i in 1..3) closing.defer { order.add(i) }
        closing.close()
        closing.close()
        assertEquals(listOf(3, 2, 1), order)
    }

    @Test
    fun `what fails while closing does not keep the others open`() {
        val order = ArrayList<Int>()
        val closing = Closing()
        closing.defer { order.add(1) }
        closing.defer { error("second") }
        closing.defer { error("third") }
        val error = assertThrows<IllegalStateException> { closing.close() }
        assertEquals("third", error.message)
        assertEquals("second", error.suppressed.single().message)
        assertEquals(listOf(1), order)
    }

    @Test
    fun `what was opened before an error is closed`() {
        val order = ArrayList<Int>()
        val closing = Closing()
        assertThrows<IllegalStateException> {
            closingOnError(closing) {
                closing.defer { order.add(1) }
                error("while building")
            }
        }
        assertEquals(listOf(1), order)
    }
}
