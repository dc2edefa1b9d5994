package dev.slipstream.bundle

import dev.slipstream.errors.BundleException
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

class UnpackTest {
    private val text = SmallBundle.TOKENIZER
    private val packed = SmallBundle.packTokenizer(text)

    @Test
    fun `a tokenizer comes back`() {
        assertArrayEquals(text, unpackTokenizer(packed, "test"))
        assertEquals(0, unpackTokenizer(SmallBundle.packTokenizer(ByteArray(0)), "test").size)
    }

    @Test
    fun `a tokenizer whose size or stream is not exact is refused`() {
        val sizes =
            listOf(0L, 1L, text.size - 1L, text.size + 1L, -1L, Long.MIN_VALUE).map {
                SmallBundle.packTokenizer(text, it)
            }
        val streams = listOf(ByteArray(0), byteArrayOf(1), packed.copyOf(packed.size - 1), packed + 0, packed.copyOf(8))
        for (bad in sizes + streams) assertThrows<BundleException> { unpackTokenizer(bad, "test") }
    }

    @Test
    fun `a bomb is not unpacked`() {
        val zeros = ByteArray(64 shl 20)
        for (stated in listOf(1000L, zeros.size - 1L, zeros.size + 1L, 1L shl 40)) {
            val bomb = SmallBundle.packTokenizer(zeros, stated)
            val guarded = Guarded()
            guarded.run(bomb.size + (1L shl 20)) { unpackTokenizer(bomb, "test") }
            assertEquals(1, guarded.refused)
        }
    }

    @Test
    fun `traces come back by name`() {
        assertEquals(SmallBundle.TRACES, unpackTraces(SmallBundle.packTraces(SmallBundle.TRACES), "test"))
        assertEquals(emptyMap<String, String>(), unpackTraces(ByteArray(0), "test"))
    }

    @ParameterizedTest
    @ValueSource(
        strings = [
            "{}\n", "[]\n", "x", "1\n", "{\"bytes\":-1,\"trace\":\"a\"}\n", "{\"bytes\":9,\"trace\":\"a\"}\n",
            "{\"bytes\":0,\"trace\":1}\n", "{\"bytes\":9223372036854775807,\"trace\":\"a\"}\n",
            "{\"bytes\":1e0,\"trace\":\"a\"}\n1", "{\"bytes\":0,\"bytes\":0,\"trace\":\"a\"}\n", "{\"bytes\":0}\n",
            "{\"bytes\":0,\"trace\":\"a\"}", "\n",
        ],
    )
    fun `what names no trace is refused`(traces: String) {
        assertThrows<BundleException> { unpackTraces(traces.toByteArray(), "test") }
    }

    @Test
    fun `a header line of megabytes is not parsed`() {
        val (long, guarded) = ("[" + "1,".repeat(1 shl 22) + "1]\n").toByteArray() to Guarded()
        guarded.run(1L shl 20) { unpackTraces(long, "test") }
        assertEquals(1, guarded.refused)
    }
}
