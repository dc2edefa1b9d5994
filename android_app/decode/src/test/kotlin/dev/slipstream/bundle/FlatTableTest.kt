package dev.slipstream.bundle

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class FlatTableTest {
    private val bytes =
        writeFlatBuffer(
            FlatRecord(
                FlatByte(200),
                null,
                FlatLong(-2),
                FlatText("é"),
                FlatRecords(List(3) { FlatRecord(FlatByte(it)) }),
            ),
        )

    @Test
    fun `fields are read by slot`() {
        val table = FlatTable.root(bytes)
        assertEquals(200, table.byte(0))
        assertEquals(-2L, table.long(2))
        assertEquals("é", table.text(3))
        assertEquals(3L, table.count(4))
        assertEquals(listOf(0, 1, 2), List(3) { table.item(4, it).byte(0) })
    }

    @Test
    fun `absent fields have defaults`() {
        val table = FlatTable.root(bytes)
        for (slot in listOf(1, 5, 1000)) {
            assertEquals(
                listOf(0, 0L, "", 0L, null),
                table.run {
                    listOf(byte(slot), long(slot), text(slot), count(slot), table(slot))
                },
            )
            assertThrows<FlatBufferException> { table.item(slot, 0) }
        }
    }

    @Test
    fun `every cut ends in a value or an error of its own`() {
        for (size in bytes.indices) {
            runCatching { FlatTable.root(bytes.copyOf(size)).run { text(3) + item(4, 2).byte(0) } }
                .exceptionOrNull()
                ?.let { assertEquals(FlatBufferException::class, it::class) }
        }
    }

    @Test
    fun `an offset that leads out is refused`() {
        for (start in listOf(-1, Int.MAX_VALUE, Int.MIN_VALUE, bytes.size, bytes.size - 3)) {
            val changed = bytes.copyOf()
            for (index in 0..3) changed[index] = (start shr (8 * index)).toByte()
            assertThrows<FlatBufferException> { FlatTable.root(changed) }
        }
    }

    @Test
    fun `tables that are each other's items are followed one step at a time`() {
        val loop = ByteArray(16)
        loop[0] = 4 // the root table, whose vtable is at 12
        loop[4] = -8
        loop.fill(-1, 5, 8)
        loop[12] = 6
        val table = FlatTable.root(loop + byteArrayOf(4, 0))
        assertEquals(null, table.table(1))
        assertThrows<FlatBufferException> { FlatTable.root(loop + byteArrayOf(-1, -1)).table(0) }
    }

    @Test
    fun `texts in the same bytes are not read without end`() {
        val text = FlatText("x".repeat(1000))
        val table = FlatTable.root(writeFlatBuffer(FlatRecord(text)))
        assertThrows<FlatBufferException> { repeat(17) { table.text(0) } }
    }
}
