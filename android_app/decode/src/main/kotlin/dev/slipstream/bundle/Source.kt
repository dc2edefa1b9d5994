package dev.slipstream.bundle

private val ROLES = listOf("target", "drafter", "adapter")

private val OPTIONAL = listOf(OptionalKey("license", "an object"))
private const val MAX_NAME = 200
private const val LINK = "https://"
private const val MAX_LINK = 2000

/** A licence as a model card names it, and the https address of its text, or null where that is not said. */
public data class License(
    val name: String,
    val link: String?,
) {
    internal companion object {
        fun read(
            value: Any?,
            key: String,
        ): License {
            val fields = JsonFields(value, key, listOf("name", "link"))
            val license = License(fields.text("name"), fields.textOrNull("link"))
            val name = license.name
            checkManifest(
                name.codePointCount(0, name.length) in 1..MAX_NAME,
                "sources license.name",
                "1 to $MAX_NAME characters",
            ) { name }
            val link = license.link ?: return license
            val valid =
                link.startsWith(LINK) && link.length in LINK.length + 1..MAX_LINK && link.all { it in '!'..'~' }
            checkManifest(valid, "sources license.link", "an https address of at most $MAX_LINK characters") { link }
            return license
        }
    }
}

/**
 * Where a part of the bundle came from: a checkpoint or adapter by what it was called (a hub id or a folder's name), its
 * commit on the Hugging Face hub (null for a folder), the SHA-256 in hex of each file that decides what the bundle
 * computes, and its [license] if its model card names one.
 */
public data class Source(
    val role: String,
    val id: String,
    val revision: String?,
    val files: Map<String, String>,
    val license: License? = null,
) {
    internal companion object {
        fun read(
            value: Any?,
            key: String,
        ): Source {
            val fields = JsonFields(value, key, listOf("role", "id", "revision", "files"), OPTIONAL)
            val source =
                Source(
                    fields.text("role"),
                    fields.text("id"),
                    fields.textOrNull("revision"),
                    fields.map("files", ::asText),
                    if (fields.has("license")) License.read(fields.value("license"), "$key.license") else null,
                )
            checkManifest(source.role in ROLES, "sources role", "one of ${spell(SpelledTuple(ROLES))}") { source.role }
            source.revision?.let { checkHex(it, 40, "sources revision") }
            for ((name, digest) in source.files) checkHex(digest, 64, "sources ${firstCodePoints(name, 40)}")
            return source
        }
    }
}
