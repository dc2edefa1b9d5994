package dev.slipstream.bundle

private val SECTION_NAMES =
    listOf("llm_metadata", "tokenizer", "embedder", "per_layer_embedder", "main", "drafter", "traces")

/** What the manifest tells of a section: its bytes [begin, end) of the file, their SHA-256, and digests of blocks. */
public data class SectionEntry(
    val name: String,
    val begin: Long,
    val end: Long,
    val sha256: String,
    val blocks: Blocks,
) {
    init {
        val key = "sections ${firstCodePoints(name, 40)}"
        checkManifest(name in SECTION_NAMES, key, "one of ${spell(SpelledTuple(SECTION_NAMES))}") { name }
        checkManifest(begin % ALIGNMENT == 0L, "$key begin", "a multiple of $ALIGNMENT") { begin }
        checkHex(sha256, 64, "$key sha256")
        val count = if (end == begin) 0 else (end - begin - 1) / blocks.size + 1
        checkManifest(blocks.digests.size.toLong() == count, "$key blocks", "$count blocks") { blocks.digests.size }
    }

    internal companion object {
        fun read(
            value: Any?,
            key: String,
        ): SectionEntry {
            val fields = JsonFields(value, key, listOf("name", "begin", "end", "sha256", "blocks"))
            val name = fields.text("name")
            val label = "sections ${firstCodePoints(name, 40)}"
            val begin = fields.long("begin", ALIGNMENT.toLong(), label = "$label begin")
            val end = fields.long("end", begin, label = "$label end")
            val blocks = Blocks.read(fields.value("blocks"), fields.keyOf("blocks"))
            return SectionEntry(name, begin, end, fields.text("sha256"), blocks)
        }
    }
}
