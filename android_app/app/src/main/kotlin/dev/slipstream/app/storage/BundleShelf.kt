package dev.slipstream.app.storage

import dev.slipstream.bundle.Bundle
import dev.slipstream.bundle.Manifest
import java.io.File

/**
 * The places a bundle can be in: imported into [disk], or [pushed] over adb, which is used where it lies.
 *
 * A pushed one goes first, as it is the newer one: an import removes it. It is checked once; a note of its length and
 * date tells that it is still the same file.
 */
internal class BundleShelf(
    private val disk: Disk,
    val pushed: File,
) {
    val importer = BundleImporter(disk)
    val freeBytes: Long get() = disk.freeBytes

    /** The bundle to use, or null; one that [needsCheck] has not been checked yet. */
    fun find(): File? = pushed.takeIf { it.isFile } ?: disk.file(IMPORTED).takeIf { it.isFile }

    fun needsCheck(file: File): Boolean = file == pushed && disk.readText(CHECKED) != stamp(file)

    /** BundleException that names the first wrong byte; false when [cancelled]. */
    fun check(
        file: File,
        cancelled: () -> Boolean,
        onProgress: (ImportProgress) -> Unit,
    ): Boolean {
        val stamp = stamp(file)
        Bundle.open(file).use { bundle ->
            checkSections(bundle, cancelled, onProgress)?.let { throw it.error(file.path) }
        }
        if (cancelled()) return false
        disk.writeText(CHECKED, stamp)
        return true
    }

    /** As [BundleImporter.import]; after it the imported bundle is the one to use. */
    fun import(
        source: BundleSource,
        cancelled: () -> Boolean,
        onProgress: (ImportProgress) -> Unit,
    ): File? = importer.import(source, cancelled, onProgress)?.also { pushed.delete() }

    /**
     * Whether [packed] is to be unpacked: there is no bundle, or the one here came before it, as an update of the app
     * brought it. One that the user chose after it stays.
     */
    fun isNew(packed: PackedBundle): Boolean {
        val imported = disk.file(IMPORTED)
        if (!imported.isFile) return true
        if (disk.readText(PACKED) == packed.sha256) return false
        return Bundle.open(imported).use { it.manifest.manifestSha256 } != packed.sha256
    }

    /** What was imported came after [packed]: [isNew] says no of it from now on. */
    fun noteOlder(packed: PackedBundle) = disk.writeText(PACKED, packed.sha256)

    fun manifest(file: File): Manifest = Bundle.open(file).use { it.manifest }

    private fun stamp(file: File) = "${file.length()} ${file.lastModified()}"

    companion object {
        const val IMPORTED = "bundle.litertlm"
        private const val CHECKED = "pushed.checked"
        private const val PACKED = "packed.sha256"
    }
}
