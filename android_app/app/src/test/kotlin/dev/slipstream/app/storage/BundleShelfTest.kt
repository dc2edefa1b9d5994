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
    private var freed = 0
    private val shelf by lazy { BundleShelf(FolderDisk(File(folder, "internal")), pushed) { freed++ } }
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
    fun `an import takes the place of the same bundle that was pushed, and of no other`() {
        pushed.writeBytes(small)
        shelf.check(pushed, { false }, {})
        val other = import(resource("other.litertlm"))
        assertEquals(other, shelf.find())
        assertTrue(pushed.exists())
        val file = import(small)
        assertEquals(file, shelf.find())
        assertFalse(pushed.exists())
        assertFalse(shelf.needsCheck(file))
        assertEquals(setOf(file, other), shelf.list().map { it.file }.toSet())
    }

    private fun import(bytes: ByteArray) = shelf.import(MemorySource(bytes), { false }, {})!!

    @Test
    fun `several lie side by side, one of them chosen, and the same one once`() {
        val first = import(small)
        val second = import(resource("other.litertlm"))
        import(resource("other.litertlm"))
        assertEquals(listOf(second, first), shelf.list().map { it.file })
        shelf.choose(first)
        assertEquals(first, shelf.find())
        assertEquals(listOf(first), shelf.list().filter { it.isChosen }.map { it.file })
        shelf.delete(first)
        assertEquals(second, shelf.find())
        shelf.delete(second)
        assertNull(shelf.find())
        assertEquals(2, freed)
    }

    @Test
    fun `a pushed one that fails its check is told once, and the one before it is used`() {
        val imported = import(resource("other.litertlm"))
        pushed.writeBytes(small.copyOf(small.size / 2))
        assertEquals(pushed, shelf.find())
        assertThrows<BundleException> { shelf.check(pushed, { false }, {}) }
        assertEquals(imported, shelf.find())
        assertNull(shelf.list().single { it.isPushed }.need)
        pushed.writeBytes(small)
        assertEquals(pushed, shelf.find())
    }

    @Test
    fun `a file that is no bundle hides none`() {
        val imported = import(small)
        File(folder, "internal/broken.litertlm").writeText("no bundle")
        assertEquals(imported, shelf.find())
        assertEquals(2, shelf.list().size)
        assertFalse(shelf.isNew(PackedBundle(shelf.manifest(imported).manifestSha256) { MemorySource(small) }))
    }
}
