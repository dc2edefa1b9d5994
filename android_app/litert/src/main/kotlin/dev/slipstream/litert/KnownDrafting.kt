package dev.slipstream.litert

import dev.slipstream.draft.Auto
import dev.slipstream.draft.exportKnown
import dev.slipstream.draft.importKnown
import dev.slipstream.errors.UsageException
import dev.slipstream.json.JsonException
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson
import java.io.File
import java.io.IOException
import java.nio.file.Files
import java.nio.file.StandardCopyOption

/**
 * What the automatic draft length learnt about bundles on this device, kept between runs in [root]`/drafting`, as
 * runtime_spec/PACKED_WEIGHTS.md says. What can't be read or written is no error: it is learnt again.
 */
public class KnownDrafting(
    root: File,
) {
    private val folder = File(root, "drafting")

    /** Tells a new [policy] what is kept under [key]. */
    internal fun recall(
        policy: Auto,
        key: String,
    ) {
        val file = place(key)
        try {
            if (file.length() <= MOST_BYTES) policy.importKnown(parseStrictJson(file.readText()))
        } catch (_: IOException) {
            // Nothing is kept.
        } catch (_: JsonException) {
            // As good as nothing.
        } catch (_: UsageException) {
            // Another version's, or damaged.
        }
    }

    /** Writes what [policy] knows, whole or not at all. */
    internal fun keep(
        policy: Auto,
        key: String,
    ) {
        try {
            if (!folder.isDirectory && !folder.mkdirs()) return
            val part = File.createTempFile(key, ".part", folder)
            try {
                part.writeText(json(policy.exportKnown()))
                Files.move(part.toPath(), place(key).toPath(), StandardCopyOption.REPLACE_EXISTING)
            } finally {
                part.delete()
            }
            kept().sortedByDescending { it.lastModified() }.drop(MOST_FILES).forEach(File::delete)
        } catch (_: IOException) {
            // A folder that can't be written to keeps nothing.
        }
    }

    /** Removes all. Returns the bytes that this frees. */
    public fun clean(): Long =
        kept().sumOf { file ->
            val size = file.length()
            if (file.delete()) size else 0
        }

    private fun place(key: String) = File(folder, "$key$SUFFIX")

    private fun kept(): List<File> = folder.listFiles { file -> file.name.endsWith(SUFFIX) }.orEmpty().toList()

    private companion object {
        const val SUFFIX = ".json"
        const val MOST_BYTES = 1L shl 20
        const val MOST_FILES = 64
    }
}
