package dev.slipstream.cli

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class MainTest {
    @Test
    fun `help is no error, an unknown verb or option is one of usage`() {
        assertEquals(0, run("--help"))
        assertEquals(0, run("generate", "--help"))
        assertEquals(2, run("frobnicate"))
        assertEquals(2, run("verify"))
        assertEquals(2, run("generate", "bundle", "--prompt", "x", "--frobnicate"))
    }

    @Test
    fun `the digest needs no bundle and no library`() {
        assertEquals(0, run("digest"))
    }
}
