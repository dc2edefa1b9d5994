package dev.slipstream.litert

import dev.slipstream.bundle.Bundle
import dev.slipstream.bundle.verifyHashes
import java.io.File
import java.io.IOException

/**
 * Packed weights that are kept between runs in [root]`/weights`, as runtime_spec/PACKED_WEIGHTS.md says. They are used
 * for the bytes that they were packed from only, and a bundle's file is proven the first time that it is opened.
 *
 * [limit] bounds the bytes of all entries; 0 keeps the entry that was opened last and no other. [packer] fills an entry,
 * in another process where there are any. [warn] gets a line when nothing can be kept: that is no error. Any thread.
 */
public class PackedWeights(
    root: File,
    private val limit: Long = DEFAULT_LIMIT,
    private val packer: Packer = PackerHere(),
    private val warn: (String) -> Unit = { System.err.println(it) },
) {
    private val folder = File(root, "weights")

    /**
     * Proves [bundle], whose file has [identity], unless this was done before, and runs [open] with the files of packed
     * weights by section. BundleException that names the first wrong byte; what [open] throws.
     */
    internal fun <T> use(
        bundle: Bundle,
        identity: String,
        library: LiteRtLibrary,
        open: (weights: (String) -> File?) -> T,
    ): T {
        val key = entryKey(bundle.manifest.manifestSha256, library)
        val lock = lock(key) ?: return openUnkept(bundle, open)
        return lock.use {
            val entry = entry(key, bundle, identity)
            if (entry == null) open { null } else open(entry::file)
        }
    }

    /** The proven bundle's entry, made where there is none that is whole; null, and a warning, where that fails. */
    private fun entry(
        key: String,
        bundle: Bundle,
        identity: String,
    ): Entry? {
        val old = kept(key)
        if (old == null || !old.isProven(identity)) verifyHashes(bundle)
        return try {
            val entry = old ?: make(key, bundle, identity) ?: return null
            if (!entry.isProven(identity)) entry.remember(identity)
            entry.touch()
            if (old == null) bound(limit)
            entry
        } catch (error: IOException) {
            giveUp(key, "$error")
        }
    }

    private fun kept(key: String): Entry? {
        val place = File(folder, key)
        if (!place.exists()) return null
        val entry =
            try {
                Entry.read(place)?.takeIf(Entry::isIntact)
            } catch (_: IOException) {
                null
            }
        if (entry == null) place.deleteRecursively()
        return entry
    }

    private fun make(
        key: String,
        bundle: Bundle,
        identity: String,
    ): Entry? {
        val fresh = File(folder, "$key$UNFINISHED")
        fresh.deleteRecursively()
        if (limit == 0L) bound(0)
        val (needed, room) = bytesNeeded(bundle) to folder.usableSpace
        if (room < needed) return giveUp(key, "they need $needed bytes, and $room are free")
        if (!fresh.mkdirs()) return giveUp(key, "$fresh can't be made")
        val problem = packer.pack(bundle.path, fresh)
        if (problem != null) return giveUp(key, problem)
        if (!File(fresh, "$MAIN${Entry.SUFFIX}").isFile) return giveUp(key, "LiteRT wrote no file under this name")
        Entry.write(fresh, identity)
        val place = File(folder, key)
        if (!fresh.renameTo(place)) return giveUp(key, "$place can't be made")
        return Entry.read(place)
    }

    private fun bytesNeeded(bundle: Bundle): Long {
        val bytes = modelSections(bundle).sumOf { bundle.section(it).size }
        return bytes + bytes / 4 + SPARE
    }

    /** Removes the least recently opened entries until all together hold at most [most] bytes. */
    private fun bound(most: Long) {
        val entries =
            folder
                .listFiles { file -> file.isDirectory && !file.name.endsWith(UNFINISHED) }
                .orEmpty()
                .sortedBy { File(it, Entry.NAME).lastModified() }
        var held = entries.sumOf(::bytesIn)
        for (entry in entries) {
            if (held <= most) return
            held -= remove(entry.name)
        }
    }

    /** Removes every entry that nobody holds. Returns the bytes that this frees. */
    public fun clean(): Long {
        val names = folder.list().orEmpty().map { it.removeSuffix(LOCK).removeSuffix(UNFINISHED) }
        return names.distinct().sumOf(::remove)
    }

    /** Bytes that were freed: 0 where the entry is held. */
    private fun remove(key: String): Long {
        val lock =
            try {
                EntryLock.ifFree(File(folder, "$key$LOCK"))
            } catch (_: IOException) {
                null
            }
        lock ?: return 0
        return lock.use {
            val places = listOf(File(folder, key), File(folder, "$key$UNFINISHED"))
            val before = places.sumOf(::bytesIn)
            places.forEach(File::deleteRecursively)
            if (places.none(File::exists)) lock.removeFile()
            before - places.sumOf(::bytesIn)
        }
    }

    private fun lock(key: String): EntryLock? =
        try {
            if (!folder.isDirectory && !folder.mkdirs() &&
                !folder.isDirectory
            ) {
                throw IOException("$folder can't be made")
            }
            EntryLock.of(File(folder, "$key$LOCK"))
        } catch (error: IOException) {
            warn("packed weights are not kept: ${error.message}")
            null
        }

    private fun giveUp(
        key: String,
        reason: String,
    ): Entry? {
        File(folder, "$key$UNFINISHED").deleteRecursively()
        if (reason.isNotEmpty()) warn("packed weights are not kept: $reason")
        return null
    }

    public companion object {
        /** 16 GiB. */
        public const val DEFAULT_LIMIT: Long = 16L shl 30
        private const val SPARE = 16L shl 20
        private const val LOCK = ".lock"
        private const val UNFINISHED = ".new"

        private fun bytesIn(place: File): Long = place.walk().filter(File::isFile).sumOf(File::length)

        /** Proves the bundle, with nothing to remember it by, and packs in memory. */
        internal fun <T> openUnkept(
            bundle: Bundle,
            open: (weights: (String) -> File?) -> T,
        ): T {
            verifyHashes(bundle)
            return open { null }
        }
    }
}
