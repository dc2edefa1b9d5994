package dev.slipstream.litert

import dev.slipstream.errors.RuntimeLibraryException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
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

    @Test
    fun `a failure of LiteRT tells what a phone's user can do, and names its status`() {
        val status = {
            number: Int,
            isPhone: Boolean,
            ->
            statusError("LiteRtCreateCompiledModel", number, "LiteRt", isPhone)
        }
        assertEquals("status 2, memory allocation failure", status(2, true).found)
        assertEquals("status 4711", status(4711, true).found)
        assertTrue("Close other apps" in status(2, true).action)
        assertTrue("Free some storage" in status(500, true).action)
        assertTrue("litert-2.3.0.aar" in status(502, true).action)
        for (number in listOf(0, 1, 2, 3, 7, 8, 9, 100, 500, 501, 502, 503, 504, 1000, 4711)) {
            assertFalse(LiteRtLibrary.ENVIRONMENT_VARIABLE in status(number, true).action, "status $number")
        }
        assertTrue(Remedy.entries.none { LiteRtLibrary.ENVIRONMENT_VARIABLE in it.action(isPhone = true) })
        assertTrue(LiteRtLibrary.ENVIRONMENT_VARIABLE in status(3, false).action)
    }
}
