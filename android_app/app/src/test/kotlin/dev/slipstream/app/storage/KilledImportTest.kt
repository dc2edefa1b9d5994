package dev.slipstream.app.storage

import dev.slipstream.bundle.Bundle
import dev.slipstream.bundle.verifyHashes
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.random.Random

/** An import that dies between any two bytes, 200 times: there is always a whole bundle, and the next one ends it. */
class KilledImportTest {
    @TempDir lateinit var root: File
    private val small = resource("small.litertlm")
    private val other = resource("other.litertlm")

    @Test
    fun `killed at 200 random points nothing is lost`() {
        var kills = 0
        var resumed = 0
        var seed = 0
        while (kills < KILLS) {
            val random = Random(seed)
            val folder = File(root, "$seed").also { it.mkdirs() }
            val disk = FolderDisk(folder)
            File(folder, bundleName(other)).writeBytes(other)
            while (!ends(disk, random)) {
                kills += 1
                if (BundleImporter(disk).unfinished > 0) resumed += 1
                checkWhole(folder)
            }
            assertArrayEquals(small, File(folder, bundleName(small)).readBytes())
            assertEquals(setOf(bundleName(small), bundleName(other)), folder.list()!!.toSet(), "seed $seed")
            folder.deleteRecursively()
            seed += 1
        }
        assertTrue(resumed > KILLS / 4, "$resumed")
        println("$kills kills, $resumed left bytes to go on from, $seed imports ended")
    }

    @Test
    fun `killed at each single step behind the last byte nothing is lost`() {
        // sync, the exchange, the deletion of the note: each of these windows is one step wide.
        for (extra in 0L..6L) {
            val folder = File(root, "step$extra").also { it.mkdirs() }
            val disk = FolderDisk(folder)
            File(folder, bundleName(other)).writeBytes(other)
            try {
                BundleImporter(DyingDisk(disk, BEFORE + small.size + extra)).import(MemorySource(small))
            } catch (_: Killed) {
                checkWhole(folder)
            }
            BundleImporter(disk).import(MemorySource(small))
            assertArrayEquals(small, File(folder, bundleName(small)).readBytes())
        }
    }

    /** Whether this attempt came to its end. */
    private fun ends(
        disk: Disk,
        random: Random,
    ): Boolean {
        // Now and then an import of another bundle comes between.
        val isSmall = random.nextInt(4) > 0
        val dying = DyingDisk(disk, random.nextLong(small.size + 200L))
        try {
            BundleImporter(dying, random.nextInt(1, 70_000)).import(MemorySource(if (isSmall) small else other))
            return isSmall
        } catch (_: Killed) {
            if (random.nextBoolean()) dying.losePower(random)
            return false
        }
    }

    private fun checkWhole(folder: File) {
        val bundles = folder.listFiles { file -> file.name.endsWith(BundleShelf.SUFFIX) }!!
        assertTrue(bundles.any { it.name == bundleName(other) })
        for (bundle in bundles) Bundle.open(bundle).use { verifyHashes(it) }
    }

    private companion object {
        const val KILLS = 200

        /** A deletion, 64 digits, a sync. */
        const val BEFORE = 66L
    }
}
