package dev.slipstream.bundle

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import kotlin.random.Random

class DigestsTest {
    private val random = Random(11)

    @Test
    fun `byte sums are exact`() {
        for (size in listOf(0, 1, 511, 512, 262_145, 600_001)) {
            val bytes = random.nextBytes(size)
            var (plain, weighted) = 0L to 0L
            bytes.forEachIndexed { index, byte ->
                plain += byte.toLong() and 0xff
                weighted += (index + 1) * (byte.toLong() and 0xff)
            }
            assertEquals(ByteSums(plain, weighted), byteSums(bytes))
        }
    }

    @Test
    fun `sums in hex have a fixed width`() {
        assertEquals("00000000000000ff00000000000000ff", sumsHex(byteArrayOf(-1)))
        assertEquals(ByteSums(255, 255), parseSums(sumsHex(byteArrayOf(-1))))
    }

    @Test
    fun `a byte is only named when putting it back restores the digest`() {
        val bytes = random.nextBytes(4096)
        val (original, sums) = bytes.copyOf() to byteSums(bytes)
        bytes[1000] = (bytes[1000].toInt() xor 64).toByte()
        val hit = changedByte(bytes, sums) { it.contentEquals(original) }
        assertEquals(1000 to (original[1000].toInt() and 0xff), hit?.index to hit?.original)
        assertEquals(null, changedByte(bytes, sums) { false })
    }

    @Test
    fun `sums that no byte explains name none`() {
        val bytes = byteArrayOf(1, 2, 3)
        for (sums in listOf(
            ByteSums(6, 15),
            ByteSums(5, 1),
            ByteSums(-900, 0),
            ByteSums(Long.MAX_VALUE, Long.MIN_VALUE),
        )) {
            assertEquals(null, changedByte(bytes, sums) { true })
        }
    }

    @Test
    fun `blocks are at most 1024 and at least 4096 bytes`() {
        val sizes = listOf(0L, 1L, 1L shl 22, (1L shl 22) + 1, 1L shl 32).map(::blockSize)
        assertEquals(listOf<Long>(4096, 4096, 4096, 8192, 1L shl 22), sizes)
    }

    @Test
    fun `a section's digests don't depend on how it was fed`() {
        val bytes = random.nextBytes(20_000)
        val whole = SectionDigest(100, 15_000).also { it.feed(bytes, 0, bytes.size) }.result()
        val pieces = SectionDigest(100, 15_000)
        for (offset in bytes.indices step 999) {
            val piece = bytes.copyOfRange(offset, minOf(offset + 999, bytes.size))
            pieces.feed(piece, offset.toLong(), piece.size)
        }
        assertEquals(whole, pieces.result())
        assertEquals(sha256(bytes.copyOfRange(100, 15_000)), whole.first)
        assertEquals(shortDigest(bytes.copyOfRange(100, 4196)), whole.second.digests[0])
        assertEquals(byteSums(bytes, 12_388, 2612), whole.second.sums[3])
    }
}
