package dev.slipstream.chat

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class WhiteSpaceTest {
    @Test
    fun `what Python's strip strips is stripped, at the ends alone`() {
        val ascii = "\t\n\u000B\u000C\r\u001C\u001D\u001E\u001F "
        val spaces = "$ascii\u0085\u00A0\u1680\u2000\u200A\u2028\u2029\u202F\u205F\u3000"
        val kept = "\u200B\u180Ea b\uFEFF"
        assertEquals(kept, strip(spaces + kept + spaces))
        assertEquals(spaces + kept, stripEnd(spaces + kept + spaces))
        assertEquals(kept + spaces, stripStart(spaces + kept + spaces))
        assertEquals("", strip(spaces))
    }
}
