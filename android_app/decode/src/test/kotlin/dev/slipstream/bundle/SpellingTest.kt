package dev.slipstream.bundle

import dev.slipstream.json.parseStrictJson
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class SpellingTest {
    @Test
    fun `JSON is spelled as Python's repr does it`() {
        val value =
            parseStrictJson("""{"a":[1,-0,1.50,true,null,"it's","\"","'\"","\n\u0085\u2028é\ud83d\ude00\ud800"]}""")
        val expected =
            """{'a': [1, 0, 1.5, True, None, "it's", '"', '\'"', '\n\x85\u2028é""" + "\ud83d\ude00" + """\ud800']}"""
        assertEquals(expected, spell(value))
    }

    @Test
    fun `tuples of one have a comma`() {
        assertEquals("() (1,) ('a', 2)", listOf(tuple(), tuple(1), tuple("a", 2)).joinToString(" ") { spell(it) })
    }

    @Test
    fun `bytes are spelled as such`() {
        assertEquals("b'a\\x00\\xff\\n'", spellBytes(byteArrayOf(97, 0, -1, 10)))
    }
}
