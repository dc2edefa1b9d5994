package dev.slipstream.app.storage

import dev.slipstream.BundleNeed
import dev.slipstream.bundle.Bundle
import dev.slipstream.bundle.Manifest
import dev.slipstream.errors.BundleException
import kotlinx.coroutines.sync.Mutex
import java.io.File

/**
 * The bundles on this phone: those imported into [disk], each under its manifest's digest, and one that was [pushed] over
 * adb, which is used where it lies. One of them is chosen.
 *
 * A newly pushed one is chosen, and checked first, once: a note of its length and date tells that it is still the same
 * file. One that fails its check is not looked at again. [freeWeights] frees what was packed of those that are not loaded:
 * it can be packed again.
 */
internal class BundleShelf(
    private val disk: Disk,
    val pushed: File,
    private val freeWeights: () -> Unit = {},
) {
    val importer = BundleImporter(disk, makeRoom = freeWeights)
    val freeBytes: Long get() = disk.freeBytes

    /** For whoever changes what is here: windows come and go, and two imports would write into one file. */
    val changes = Mutex()

    /** The bundle to use, or null; one that [needsCheck] has not been checked yet. */
    fun find(): File? {
        val offered = pushed.takeIf { it.isFile && disk.readText(REFUSED) != stamp(it) }
        if (offered != null && needsCheck(offered)) return offered
        val chosen = disk.readText(CHOSEN)
        if (offered != null && chosen == PUSHED) return offered
        val imported = imported()
        return imported.find { it.name == chosen } ?: imported.maxByOrNull { it.lastModified() } ?: offered
    }

    /** All of them, the chosen one first. */
    fun list(): List<StoredBundle> {
        val chosen = find()
        val files = imported() + listOfNotNull(pushed.takeIf { it.isFile })
        return files.map { stored(it, it == chosen) }.sortedByDescending { it.isChosen }
    }

    fun choose(file: File) = disk.writeText(CHOSEN, if (file == pushed) PUSHED else file.name)

    /** It must not be loaded. */
    fun delete(file: File) {
        val wasChosen = file == find()
        if (file == pushed) pushed.delete() else disk.delete(file.name)
        if (wasChosen) freeWeights()
    }

    fun needsCheck(file: File): Boolean = file == pushed && disk.readText(CHECKED) != stamp(file)

    /** BundleException that names the first wrong byte; false when [cancelled]. */
    fun check(
        file: File,
        cancelled: () -> Boolean,
        onProgress: (ImportProgress) -> Unit,
    ): Boolean {
        val stamp = stamp(file)
        try {
            Bundle.open(file).use { bundle ->
                checkSections(bundle, cancelled, onProgress)?.let { throw it.error(file.path) }
            }
        } catch (error: BundleException) {
            // The next start takes another one.
            disk.writeText(REFUSED, stamp)
            throw error
        }
        if (cancelled()) return false
        disk.writeText(CHECKED, stamp)
        choose(file)
        return true
    }

    /** As [BundleImporter.import]; after it the imported bundle is the chosen one. The same one, pushed, is removed. */
    fun import(
        source: BundleSource,
        cancelled: () -> Boolean,
        onProgress: (ImportProgress) -> Unit,
    ): File? =
        importer.import(source, cancelled, onProgress)?.also { file ->
            choose(file)
            val sha256 = sha256(file)
            for (other in imported() + pushed) {
                if (other != file && other.isFile && sha256(other) == sha256) other.delete()
            }
        }

    /**
     * Whether [packed] is to be unpacked: there is no bundle, or an update of the app brought it. One that the user chose
     * after it stays chosen.
     */
    fun isNew(packed: PackedBundle): Boolean {
        val imported = imported()
        if (imported.isEmpty()) return true
        if (disk.readText(PACKED) == packed.sha256) return false
        return imported.none { sha256(it) == packed.sha256 }
    }

    /**
     * What was imported came after [packed]: [isNew] says no of it from now on. Where it is [packed] itself, the one that
     * the app was packed with before is deleted: an update takes its place.
     */
    fun noteOlder(packed: PackedBundle) {
        val older = disk.readText(PACKED)
        disk.writeText(PACKED, packed.sha256)
        val imported = imported().associateBy(::sha256)
        if (older == packed.sha256 || packed.sha256 !in imported) return
        imported[older]?.let { disk.delete(it.name) }
    }

    fun manifest(file: File): Manifest = Bundle.open(file).use { it.manifest }

    private fun imported(): List<File> =
        disk
            .names()
            .filter { it.endsWith(SUFFIX) }
            .sorted()
            .map(disk::file)

    private fun stored(
        file: File,
        isChosen: Boolean,
    ): StoredBundle {
        val manifest =
            try {
                manifest(file)
            } catch (_: BundleException) {
                null
            }
        val need = manifest?.let { BundleNeed.of(it, file.length()) }
        return StoredBundle(file, file.length(), need, manifest?.manifestSha256, isChosen, file == pushed)
    }

    /** Null of what is no bundle. */
    private fun sha256(file: File): String? =
        try {
            manifest(file).manifestSha256
        } catch (_: BundleException) {
            null
        }

    private fun stamp(file: File) = "${file.length()} ${file.lastModified()}"

    companion object {
        const val SUFFIX = ".litertlm"
        private const val CHOSEN = "chosen"
        private const val PUSHED = "pushed"
        private const val CHECKED = "pushed.checked"
        private const val REFUSED = "pushed.refused"
        private const val PACKED = "packed.sha256"

        /** Of a bundle whose manifest has the digest [sha256]. */
        fun fileName(sha256: String) = sha256 + SUFFIX
    }
}
