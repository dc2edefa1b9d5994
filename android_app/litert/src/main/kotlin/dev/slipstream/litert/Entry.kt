package dev.slipstream.litert

import dev.slipstream.json.JsonException
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson
import java.io.File
import java.io.IOException
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.nio.file.StandardOpenOption
import java.security.MessageDigest

/** The packed weights of one bundle in [folder]: what its `entry.json` says. To be used under the entry's lock. */
internal class Entry private constructor(
    private val folder: File,
    private val files: MutableMap<String, Packed>,
    private val proven: MutableList<String>,
) {
    class Packed(
        val sha256: String,
        val identity: String,
    )

    /** Whether the bundle's file of this identity was proven. */
    fun isProven(identity: String): Boolean = identity in proven

    fun remember(identity: String) {
        proven.remove(identity)
        proven.add(identity)
        while (proven.size > MOST_PROVEN) proven.removeAt(0)
        write()
    }

    /** The file of a section's packed weights, or null where it has none. */
    fun file(section: String): File? = File(folder, "$section$SUFFIX").takeIf { it.name in files }

    /** Whether every file holds the bytes that were packed. Reads those whose identity is another than it was. */
    fun isIntact(): Boolean {
        val moved = HashMap<String, Packed>()
        for ((name, packed) in files) {
            val file = File(folder, name)
            if (!file.isFile) return false
            val identity = fileIdentity(file)
            if (identity == packed.identity) continue
            if (sha256(file) != packed.sha256 || fileIdentity(file) != identity) return false
            moved[name] = Packed(packed.sha256, identity)
        }
        files.putAll(moved)
        if (moved.isNotEmpty()) write()
        return true
    }

    /** Makes it the entry that was opened last. */
    fun touch() {
        File(folder, NAME).setLastModified(System.currentTimeMillis())
    }

    private fun write() {
        val described =
            files.mapValues { (_, packed) ->
                mapOf("sha256" to packed.sha256, "identity" to packed.identity)
            }
        val part = File(folder, "$NAME.part")
        part.writeText(json(mapOf("files" to described, "proven" to proven)) + "\n")
        Files.move(part.toPath(), File(folder, NAME).toPath(), StandardCopyOption.ATOMIC_MOVE)
    }

    companion object {
        const val NAME = "entry.json"
        const val SUFFIX = ".xnnpack"
        private const val MOST_PROVEN = 64
        private const val MAX_TEXT = 1L shl 20

        /** The entry in [folder], or null where there is none or it is not as this class writes it. */
        fun read(folder: File): Entry? {
            val file = File(folder, NAME)
            if (!file.isFile || file.length() > MAX_TEXT) return null
            return try {
                val raw = parseStrictJson(file.readText()) as Map<*, *>
                val files = (raw["files"] as Map<*, *>).entries.associateTo(HashMap()) { packed(it) }
                val proven = (raw["proven"] as List<*>).mapTo(ArrayList()) { it as String }
                Entry(folder, files, proven)
            } catch (_: JsonException) {
                null
            } catch (_: ClassCastException) {
                null
            } catch (_: NullPointerException) {
                // a field that is not there, or not of its type
                null
            }
        }

        /**
         * Describes what was packed in [folder], for the bundle's file of identity [proven]; files that stayed empty,
         * of models that have nothing to pack, are removed. On the disk when this returns.
         */
        fun write(
            folder: File,
            proven: String,
        ) {
            val files = HashMap<String, Packed>()
            for (file in folder.listFiles().orEmpty()) {
                if (file.length() == 0L || !file.name.endsWith(SUFFIX)) {
                    file.delete()
                    continue
                }
                FileChannel.open(file.toPath(), StandardOpenOption.WRITE).use { it.force(true) }
                files[file.name] = Packed(sha256(file), fileIdentity(file))
            }
            Entry(folder, files, arrayListOf(proven)).write()
        }

        private fun packed(entry: Map.Entry<*, *>): Pair<String, Packed> {
            val fields = entry.value as Map<*, *>
            return (entry.key as String) to Packed(fields["sha256"] as String, fields["identity"] as String)
        }
    }
}

/** The SHA-256 of a file's bytes, in hex. */
@Throws(IOException::class)
internal fun sha256(file: File): String {
    val digest = MessageDigest.getInstance("SHA-256")
    val buffer = ByteArray(1 shl 20)
    file.inputStream().use { stream ->
        generateSequence { stream.read(buffer).takeIf { it > 0 } }.forEach { digest.update(buffer, 0, it) }
    }
    return hex(digest.digest())
}

internal fun hex(bytes: ByteArray): String =
    bytes.joinToString("") {
        (it.toInt() and 0xff).toString(16).padStart(2, '0')
    }
