package dev.slipstream.decode

import androidx.collection.emptyIntList
import androidx.collection.intListOf
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class AcceptTest {
    @Test
    fun `the longest prefix that the target agrees with`() {
        assertEquals(0, accept(emptyIntList(), intListOf(4)))
        assertEquals(0, accept(intListOf(3, 1), intListOf(4, 1, 5)))
        assertEquals(1, accept(intListOf(3, 1, 25), intListOf(3, 0, 25, 35)))
        assertEquals(2, accept(intListOf(3, 1), intListOf(3, 1, 5)))
    }
}
