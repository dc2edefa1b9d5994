package dev.slipstream.bundle

import dev.slipstream.errors.BundleException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource

class HeaderTest {
    private val size = 100_000L
    private val header =
        SmallBundle.header(
            mapOf(
                "main" to ByteRange(16384, 20000),
                "manifest" to ByteRange(32768, size),
            ),
        )

    @Test
    fun `sections come in the header's order with their types`() {
        val expected =
            listOf(
                Section("main", "TFLiteModel", "tf_lite_prefill_decode", 16384, 20000),
                Section("manifest", "GenericBinaryData", null, 32768, size),
            )
        assertEquals(expected, parseHeader(header, size, "test"))
        assertEquals(3616L, expected[0].size)
    }

    @Test
    fun `what does not begin with the magic is no bundle`() {
        val error = assertThrows<BundleException> { parseHeader("a 'bundle'".toByteArray(), 10, "test") }
        assertEquals("Not a .litertlm bundle", error.title)
        assertEquals("""b"a 'bundl"""" to "b'LITERTLM' at byte 0", error.found to error.expected)
    }

    @Test
    fun `a header that is cut is truncated`() {
        val error = assertThrows<BundleException> { parseHeader(header.copyOf(5000), 5000, "test") }
        assertEquals("Bundle is truncated" to "5000 bytes", error.title to error.found)
    }

    @ParameterizedTest
    @CsvSource(
        "0, 20000, Bundle's header is damaged",
        "16385, 20000, Bundle's header is damaged",
        "16384, 16383, Bundle's header is damaged",
        "-16384, -1, Bundle is truncated",
        "16384, -1, Bundle is truncated",
        "16384, 100001, Bundle is truncated",
        "131072, 131072, Bundle is truncated",
    )
    fun `a section outside the file or out of place is refused`(
        begin: Long,
        end: Long,
        title: String,
    ) {
        val changed = SmallBundle.header(mapOf("main" to ByteRange(begin, end)))
        assertEquals(title, assertThrows<BundleException> { parseHeader(changed, size, "test") }.title)
    }

    @ParameterizedTest
    @CsvSource("0", "32", "16385", "-1", "9223372036854775807")
    fun `a header's end outside of its 16 KiB is refused`(end: Long) {
        val changed = header.copyOf()
        for (index in 0..7) changed[24 + index] = (end shr (8 * index)).toByte()
        val error = assertThrows<BundleException> { parseHeader(changed, size, "test") }
        assertEquals(java.lang.Long.toUnsignedString(end) to "test, byte 24", error.found to error.where)
    }

    @Test
    fun `more than 64 sections are refused`() {
        val many = (0..64).associate { "$it" to ByteRange(16384, 16384) }
        assertThrows<BundleException> { parseHeader(SmallBundle.header(many), size, "test") }
        assertEquals(64, parseHeader(SmallBundle.header(many - "64"), size, "test").size)
    }

    @Test
    fun `a foreign name is shown in ASCII`() {
        val named = SmallBundle.header(mapOf("é\u001b[2J'" to ByteRange(16384, 16384)))
        assertEquals("\\xe9\\x1b[2J'", parseHeader(named, size, "test").single().name)
    }
}
