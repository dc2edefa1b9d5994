package dev.slipstream.app.storage

import dev.slipstream.errors.BundleException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.io.File

class BundleShelfTest {
    @TempDir lateinit var folder: File
    private val pushed by lazy { File(folder, "external/model.litertlm").also { it.parentFile.mkdirs() } }
    private val shelf by lazy { BundleShelf(FolderDisk(File(folder, "internal")), pushed) }
    private val small = resource("small.litertlm")

    @Test
    fun `an empty shelf`() = assertNull(shelf.find())

    @Test
    fun `what is pushed goes first and is checked once`() {
        shelf.import(MemorySource(resource("other.litertlm")), { false }, {})
        pushed.writeBytes(small)
        assertEquals(pushed, shelf.find())
        assertTrue(shelf.needsCheck(pushed))
        assertTrue(shelf.check(pushed, { false }, {}))
        assertFalse(shelf.needsCheck(pushed))
        pushed.setLastModified(pushed.lastModified() - 5000)
        assertTrue(shelf.needsCheck(pushed))
    }

    @Test
    fun `a push that was cut short or damaged is named, and a cancelled check proves nothing`() {
        pushed.writeBytes(small.copyOf(small.size / 2))
        assertThrows<BundleException> { shelf.check(pushed, { false }, {}) }
        pushed.writeBytes(small.copyOf().also { it[60_000] = (it[60_000] + 1).toByte() })
        val error = assertThrows<BundleException> { shelf.check(pushed, { false }, {}) }
        assertTrue("byte 60000" in error.where)
        pushed.writeBytes(small)
        assertFalse(shelf.check(pushed, { true }, {}))
        assertTrue(shelf.needsCheck(pushed))
    }

    @Test
    fun `an import takes the place of what was pushed`() {
        pushed.writeBytes(small)
        val file = shelf.import(MemorySource(small), { false }, {})
        assertEquals(file, shelf.find())
        assertFalse(pushed.exists())
        assertFalse(shelf.needsCheck(file!!))
    }
}
