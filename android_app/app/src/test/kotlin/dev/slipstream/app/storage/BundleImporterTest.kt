package dev.slipstream.app.storage

import dev.slipstream.errors.BundleException
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.io.IOException

class BundleImporterTest {
    @TempDir lateinit var folder: File
    private val small = resource("small.litertlm")
    private val other = resource("other.litertlm")
    private val disk by lazy { FolderDisk(folder) }
    private val bundle by lazy { place(small) }

    private fun place(bytes: ByteArray) = File(folder, bundleName(bytes))

    @Test
    fun `a bundle is copied, checked section by section, and lies beside the old one`() {
        place(other).writeBytes(other)
        val steps = ArrayList<ImportProgress>()
        val file = BundleImporter(disk, chunk = 10_000).import(MemorySource(small)) { steps.add(it) }
        assertEquals(bundle, file)
        assertArrayEquals(small, bundle.readBytes())
        assertEquals(setOf(bundle, place(other)), folder.listFiles()!!.toSet())
        val (copying, checking) = steps.partition { !it.isChecking }
        assertEquals(1f, copying.last().fraction)
        assertEquals(1f, checking.last().fraction)
        assertTrue(copying.zipWithNext().all { (a, b) -> a.done < b.done })
    }

    @Test
    fun `a cancelled import goes on where it ended`() {
        val first = MemorySource(small)
        var done = 0L
        assertNull(BundleImporter(disk, 1000).import(first, { done > small.size / 2 }) { done = it.done })
        assertTrue(BundleImporter(disk).unfinished > small.size / 2)
        val second = MemorySource(small)
        BundleImporter(disk, 1000).import(second)
        assertArrayEquals(small, bundle.readBytes())
        val whole = MemorySource(small).also { BundleImporter(FolderDisk(File(folder, "whole")), 1000).import(it) }
        assertEquals(whole.bytesRead - done, second.bytesRead)
    }

    @Test
    fun `another bundle does not go on behind the bytes of this one`() {
        var done = 0L
        BundleImporter(disk, 1000).import(MemorySource(small), { done > 50_000 }) { done = it.done }
        BundleImporter(disk, 1000).import(MemorySource(other))
        assertArrayEquals(other, place(other).readBytes())
    }

    @Test
    fun `bytes that were lost with the power are read again`() {
        var done = 0L
        BundleImporter(disk, 1000).import(MemorySource(small), { done > 80_000 }) { done = it.done }
        val part = folder.listFiles()!!.single { it.extension == "part" }
        part.writeBytes(part.readBytes().also { it.fill(0, 60_000, 70_000) })
        BundleImporter(disk, 1000).import(MemorySource(small))
        assertArrayEquals(small, bundle.readBytes())
    }

    @Test
    fun `a damaged source is refused by section and byte, and the old bundle stays`() {
        bundle.writeBytes(other)
        val damaged = small.copyOf().also { it[60_000] = (it[60_000] + 1).toByte() }
        for (isPipe in listOf(false, true)) {
            val error = assertThrows<BundleException> { BundleImporter(disk).import(MemorySource(damaged, isPipe)) }
            assertTrue("byte 60000" in error.where, error.where)
            assertTrue("section main" in error.where || "embedder" in error.where, error.where)
            assertArrayEquals(other, bundle.readBytes())
            assertEquals(listOf(bundle), folder.listFiles()!!.toList())
            assertEquals(0, BundleImporter(disk).unfinished)
        }
    }

    @Test
    fun `what is cut short or no bundle is refused`() {
        for (bytes in listOf(small.copyOf(small.size - 1), "no bundle".toByteArray(), ByteArray(0))) {
            for (isPipe in listOf(false, true)) {
                assertThrows<BundleException> { BundleImporter(disk).import(MemorySource(bytes, isPipe)) }
                assertTrue(!bundle.exists())
            }
        }
    }

    @Test
    fun `a pipe is copied from its start`() {
        assertArrayEquals(small, BundleImporter(disk, 777).import(MemorySource(small, isPipe = true))!!.readBytes())
    }

    @Test
    fun `too little space is told before anything is written`() {
        val full =
            object : Disk by disk {
                override val freeBytes = 1000L
            }
        val error = assertThrows<StorageException> { BundleImporter(full).import(MemorySource(small)) }
        assertTrue("There is not enough free space" in error.message!!)
        assertEquals(0, BundleImporter(disk).unfinished)
    }

    @Test
    fun `what can be packed again makes room`() {
        var isPacked = true
        val full =
            object : Disk by disk {
                override val freeBytes get() = if (isPacked) 1000L else small.size.toLong()
            }
        BundleShelf(full, File(folder, "pushed")) { isPacked = false }.import(MemorySource(small), { false }) {}
        assertArrayEquals(small, bundle.readBytes())
        assertTrue(!isPacked)
    }

    @Test
    fun `a disk that is full on the way is told as such, by file and by pipe, and what was copied is kept`() {
        for (isPipe in listOf(false, true)) {
            val full =
                object : Disk by disk {
                    override fun append(
                        name: String,
                        bytes: ByteArray,
                        count: Int,
                    ) = if (disk.length(name) < 50_000) disk.append(name, bytes, count) else throw IOException("ENOSPC")
                }
            val error =
                assertThrows<StorageException> { BundleImporter(full, 1000).import(MemorySource(small, isPipe)) }
            assertTrue("ENOSPC" in error.message!!)
            assertEquals(50_000, BundleImporter(disk).unfinished)
            BundleImporter(disk, 1000).import(MemorySource(small, isPipe))
            assertArrayEquals(small, bundle.readBytes())
        }
    }

    @Test
    fun `sizes are written as phones write them`() {
        assertEquals("0.1 MB", megabytes(123_456))
        assertEquals("5.2 MB", megabytes(5_223_855))
        assertEquals("124 MB", megabytes(123_500_000))
        assertEquals("2.58 GB", megabytes(2_583_000_000))
    }
}
