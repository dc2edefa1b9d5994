package dev.slipstream.app.storage

import dev.slipstream.bundle.Bundle
import dev.slipstream.bundle.Damage
import dev.slipstream.bundle.Manifest
import dev.slipstream.bundle.firstDamage
import dev.slipstream.bundle.readManifest
import dev.slipstream.errors.BundleException
import java.io.File
import java.io.IOException

/**
 * Copies a bundle into the app's folder so that a death at any moment leaves the bundle that was there.
 *
 * Bytes go to [PART]; [ID] names the manifest they belong to, so that the next import of the same bundle goes on where
 * this one ended. All sections are checked against the manifest before [PART] gets a bundle's name in one step. Where
 * there is too little room, [makeRoom] is called first.
 */
internal class BundleImporter(
    private val disk: Disk,
    private val chunk: Int = 1 shl 20,
    private val makeRoom: () -> Unit = {},
) {
    /** Bytes of an import that was not finished. */
    val unfinished: Long get() = disk.length(PART)

    /**
     * Returns the imported file, or null when [cancelled] said so: what was copied is kept then.
     *
     * BundleException when [source] is no bundle, is damaged (twice read, the first wrong section and byte are named),
     * can't be read, or when there is no room for it.
     */
    fun import(
        source: BundleSource,
        cancelled: () -> Boolean = { false },
        onProgress: (ImportProgress) -> Unit = {},
    ): File? {
        val manifest = source.bytes?.let { readManifest(it, source.name) }
        prepare(source, manifest)
        var isSecondReading = false
        while (true) {
            if (!copy(source, cancelled, onProgress)) return null
            disk.sync(PART)
            val damage = damage(source, cancelled, onProgress) ?: break
            if (isSecondReading || manifest == null) {
                forget()
                throw damage.error(source.name)
            }
            // Bytes of an earlier run may have been lost with the power: from the first wrong one they are read again.
            disk.truncate(PART, damage.begin)
            isSecondReading = true
        }
        if (cancelled()) return null
        val sha256 = (manifest ?: Bundle.open(disk.file(PART)).use { it.manifest }).manifestSha256
        val name = BundleShelf.fileName(sha256)
        disk.replace(PART, name)
        disk.delete(ID)
        return disk.file(name)
    }

    /** Gives up what an unfinished import has copied. */
    fun forget() {
        disk.delete(PART)
        disk.delete(ID)
    }

    private fun prepare(
        source: BundleSource,
        manifest: Manifest?,
    ) {
        if (manifest == null || disk.readText(ID) != manifest.manifestSha256) {
            // In this order: bytes must never stand under another bundle's name.
            disk.delete(PART)
            disk.writeText(ID, manifest?.manifestSha256.orEmpty())
            disk.sync(ID)
        }
        val size = source.size ?: return
        if (disk.length(PART) > size) disk.truncate(PART, size)
        val missing = size - disk.length(PART)
        if (disk.freeBytes < missing) makeRoom()
        if (disk.freeBytes < missing) throw noSpace(source.name, missing, disk.freeBytes)
    }

    private fun copy(
        source: BundleSource,
        cancelled: () -> Boolean,
        onProgress: (ImportProgress) -> Unit,
    ): Boolean {
        val bytes = source.bytes ?: return copyStream(source, cancelled, onProgress)
        val buffer = ByteArray(chunk)
        var done = disk.length(PART)
        while (done < bytes.size) {
            if (cancelled()) return false
            val count = minOf(chunk.toLong(), bytes.size - done).toInt()
            bytes.read(done, buffer, count)
            write(source, buffer, count)
            done += count
            onProgress(ImportProgress(done, bytes.size))
        }
        return true
    }

    /** What comes from a pipe is copied from its start each time. */
    private fun copyStream(
        source: BundleSource,
        cancelled: () -> Boolean,
        onProgress: (ImportProgress) -> Unit,
    ): Boolean {
        val buffer = ByteArray(chunk)
        var done = 0L
        write(source, buffer, 0) // an empty file, where the pipe gives nothing
        reading(source, done) { source.stream() }.use { stream ->
            while (true) {
                if (cancelled()) return false
                val count = reading(source, done) { stream.read(buffer) }
                if (count < 0) return true
                write(source, buffer, count)
                done += count
                onProgress(ImportProgress(done, source.size ?: 0))
            }
        }
    }

    private fun <T> reading(
        source: BundleSource,
        done: Long,
        block: () -> T,
    ): T =
        try {
            block()
        } catch (error: IOException) {
            throw unreadable(source.name, error.toString(), done)
        }

    /** The phone's storage failed, or is full although there had been room: no fault of [source]. */
    private fun write(
        source: BundleSource,
        bytes: ByteArray,
        count: Int,
    ) = try {
        disk.append(PART, bytes, count)
    } catch (error: IOException) {
        throw unwritable(source.name, error.toString(), disk.length(PART))
    }

    private fun damage(
        source: BundleSource,
        cancelled: () -> Boolean,
        onProgress: (ImportProgress) -> Unit,
    ): Damage? {
        val bundle =
            try {
                Bundle.open(disk.file(PART))
            } catch (error: BundleException) {
                // The source's own header and manifest were read before: this copy of them is not theirs.
                if (source.bytes != null) return Damage(listOf("header"), 0, disk.length(PART))
                forget()
                throw error
            }
        return bundle.use { checkSections(it, cancelled, onProgress) }
    }

    private companion object {
        const val PART = "incoming.part"
        const val ID = "incoming.sha256"
    }
}

/** The first wrong byte of [bundle], telling which section is being read; null too when [cancelled]. */
internal fun checkSections(
    bundle: Bundle,
    cancelled: () -> Boolean,
    onProgress: (ImportProgress) -> Unit,
): Damage? =
    try {
        firstDamage(bundle) { done ->
            if (cancelled()) throw CheckCancelled()
            val section = bundle.sections.lastOrNull { it.begin < done }?.name
            onProgress(ImportProgress(done, bundle.size, isChecking = true, section))
        }
    } catch (_: CheckCancelled) {
        null
    }

private class CheckCancelled : RuntimeException()

private fun noSpace(
    name: String,
    missing: Long,
    free: Long,
) = StorageException(
    "There is not enough free space",
    expected = "${megabytes(missing)} for the rest of the bundle",
    found = megabytes(free),
    where = name,
    action = "Free some space and choose the file again: what was copied is kept.",
)

private fun unwritable(
    name: String,
    reason: String,
    position: Long,
) = StorageException(
    "The bundle can't be written",
    expected = "room for more bytes of it",
    found = reason,
    where = "$name, byte $position",
    action = "Free some space and choose the file again: what was copied is kept.",
)

/** As phones write it: powers of ten. */
internal fun megabytes(bytes: Long): String {
    val tenths = (bytes + 50_000) / 100_000
    if (tenths < 100) return "${tenths / 10}.${tenths % 10} MB"
    if (tenths < 10_000) return "${(tenths + 5) / 10} MB"
    val hundredths = (bytes + 5_000_000) / 10_000_000
    return "${hundredths / 100}.${(hundredths % 100).toString().padStart(2, '0')} GB"
}
