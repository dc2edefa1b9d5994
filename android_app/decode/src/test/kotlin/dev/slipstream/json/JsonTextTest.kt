package dev.slipstream.json

import androidx.collection.intListOf
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class JsonTextTest {
    @Test
    fun `values are written as any JSON reader takes them`() {
        val value = mapOf("a" to 1, "b" to listOf(true, null, 0.5), "c" to "é\n\"", "d" to intListOf(3, 4), "e" to 7L)
        val text = json(value)
        assertEquals("""{"a": 1, "b": [true, null, 0.5], "c": "\u00e9\n\"", "d": [3, 4], "e": 7}""", text)
        parseStrictJson(text)
    }

    @Test
    fun `a number that JSON lacks is null`() {
        assertEquals("[null, null]", json(listOf(Double.NaN, Double.POSITIVE_INFINITY)))
    }

    @Test
    fun `other types are a defect`() {
        assertThrows<IllegalStateException> { json(Any()) }
    }
}
