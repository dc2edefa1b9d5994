package dev.slipstream.litert

import dev.slipstream.errors.RuntimeLibraryException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class LiteRtLibraryTest {
    @Test
    fun `a library that is missing is named`() {
        val error = assertThrows<RuntimeLibraryException> { LiteRtLibrary.load("/nowhere/libLiteRt.so") }
        assertEquals("LiteRT can't be loaded", error.title)
        assertEquals("/nowhere/libLiteRt.so", error.where)
        assertEquals(10, error.exitCode)
    }

    @Test
    fun `a library of another version is refused by the symbol it lacks`() {
        val error = assertThrows<RuntimeLibraryException> { LiteRtLibrary.load("libc.so.6") }
        assertEquals("LiteRT lacks a symbol", error.title)
        assertTrue(error.expected.startsWith("LiteRt"), error.expected)
    }
}
