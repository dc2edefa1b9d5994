package dev.slipstream.json

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

class StrictJsonTest {
    @Test
    fun `numbers keep their spelling`() {
        val value = parseStrictJson("""{"a":[1,1.0,1e0,-1],"b":null,"c":"\u00e9\n"}""")
        val numbers = listOf("1", "1.0", "1e0", "-1").map(::JsonNumber)
        assertEquals(mapOf("a" to numbers, "b" to null, "c" to "é\n"), value)
        assertEquals(null, JsonNumber("1.0").toIntOrNull())
    }

    @ParameterizedTest
    @ValueSource(
        strings = [
            "", "{", "[1,]", "{\"a\":1,}", "{a:1}", "'a'", "NaN", "01", "+1", "1 2", "TRUE", "[1;2]",
            "{\"a\":1,\"a\":2}", "// c\n1", "\"\t\"",
        ],
    )
    fun `what is no strict JSON is refused`(text: String) {
        assertThrows<JsonException> { parseStrictJson(text) }
    }

    @Test
    fun `nesting is bounded`() {
        assertThrows<JsonException> { parseStrictJson("[".repeat(100_000)) }
        assertThrows<JsonException> { parseStrictJson("[".repeat(33) + "]".repeat(33)) }
        parseStrictJson("[".repeat(32) + "]".repeat(32))
    }
}
