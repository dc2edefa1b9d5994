package dev.slipstream.bundle

private val ROLES = listOf("target", "drafter", "adapter")

/**
 * Where a part of the bundle came from: a checkpoint or adapter by what it was called (a hub id or a folder's name), its
 * commit on the Hugging Face hub (null for a folder), and the SHA-256 of each file that was read, in hex.
 */
public data class Source(
    val role: String,
    val id: String,
    val revision: String?,
    val files: Map<String, String>,
) {
    internal companion object {
        fun read(
            value: Any?,
            key: String,
        ): Source {
            val fields = JsonFields(value, key, listOf("role", "id", "revision", "files"))
            val source =
                Source(
                    fields.text("role"),
                    fields.text("id"),
                    fields.textOrNull("revision"),
                    fields.map("files", ::asText),
                )
            checkManifest(source.role in ROLES, "sources role", "one of ${spell(SpelledTuple(ROLES))}") { source.role }
            source.revision?.let { checkHex(it, 40, "sources revision") }
            for ((name, digest) in source.files) checkHex(digest, 64, "sources ${firstCodePoints(name, 40)}")
            return source
        }
    }
}
