package dev.slipstream.decode

import androidx.collection.intListOf
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class PlanTest {
    @Test
    fun `drafts are bounded by the wish, the budget, the room and the widest pass that fits`() {
        val widths = intListOf(1, 3, 5)
        assertEquals(4, draftCount(9, 100, 100, widths))
        assertEquals(2, draftCount(2, 100, 100, widths))
        assertEquals(1, draftCount(4, 2, 100, widths))
        assertEquals(2, draftCount(4, 100, 4, widths))
        assertEquals(0, draftCount(4, 100, 2, widths))
        assertEquals(0, draftCount(4, 1, 100, widths))
    }

    @Test
    fun `no pass that is planned ends past the cache`() {
        val widths = intListOf(1, 2, 4, 8)
        for (room in 1..20) {
            val most = draftCount(16, 100, room, widths)
            for (drafts in 0..most) assert(verifyWidth(1 + drafts, widths) <= room)
        }
    }

    @Test
    fun `more drafts than any pass holds are a defect of the drafter`() {
        assertThrows<IllegalStateException> { verifyWidth(4, intListOf(1, 3)) }
    }
}
