package dev.slipstream.bundle

import dev.slipstream.json.parseStrictJson
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

class CanonicalJsonTest {
    private fun canonical(text: String) = canonicalJson(parseStrictJson(text))?.decodeToString()

    @Test
    fun `keys are sorted by code points and nothing stands between`() {
        val text = """{ "b": [1, 2.5, true, null], "\uffff": 1, "\ud800\udc00": 2, "a": {"d": "", "c": {}} }"""
        assertEquals(
            """{"a":{"c":{},"d":""},"b":[1,2.5,true,null],"\uffff":1,"\ud800\udc00":2}""" + "\n",
            canonical(text),
        )
    }

    @Test
    fun `text is ASCII with the shortest escapes`() {
        val text = "[\"\\u0022\\u005c\\/\\b\\f\\n\\r\\t\\u0001\\u007f\u00e9\u65e5\ud83d\ude00 ~\"]"
        assertEquals("[\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u007f\\u00e9\\u65e5\\ud83d\\ude00 ~\"]\n", canonical(text))
    }

    @ParameterizedTest
    @ValueSource(
        strings = ["0", "-1", "123456789012345678901234567890", "30.0", "0.1", "1e+16", "1e-05", "-0.0", "5e-324"],
    )
    fun `a number keeps its only spelling`(literal: String) {
        assertEquals("[$literal]\n", canonical("[$literal]"))
    }

    @ParameterizedTest
    @ValueSource(
        strings = [
            "-0", "30.00", "3e1", "1E-05", "1e16", "1e-5", "0.00001", "1e400", "0.30000000000000004441",
            "10000000000000000.0", "9007199254740993.0",
        ],
    )
    fun `another spelling of a number has no canonical text`(literal: String) {
        assertEquals(null, canonical("[$literal]"))
    }
}
