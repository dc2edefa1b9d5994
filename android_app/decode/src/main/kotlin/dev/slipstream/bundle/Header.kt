package dev.slipstream.bundle

internal const val ALIGNMENT = 16 * 1024 // of every section, and the size of the header region
internal const val BINARY_PREFIX = "slipstream_" // of the metadata "name" of our generic binary sections
internal const val GENERIC_BINARY = "GenericBinaryData"

private val MAGIC = "LITERTLM".toByteArray()
private const val HEADER_END_AT = 24
private const val FLATBUFFER_AT = 32
private const val MAX_SECTIONS = 64
private const val MAX_ITEMS = 32

private const val TFLITE_MODEL = "TFLiteModel"
private const val STRING_VALUE = 9 // of the schema's union of metadata values

// The layout and the schema are LiteRT-LM's: its enum of section types in order, and its tables' slots.
private val DATA_TYPES =
    listOf(
        "NONE",
        GENERIC_BINARY,
        "Deprecated",
        TFLITE_MODEL,
        "SP_Tokenizer",
        "LlmMetadataProto",
        "HF_Tokenizer_Zlib",
        "TFLiteWeights",
        "EmbeddingMetadataProto",
        "ExecutorMetadataProto",
        "TtsMetadataProto",
        "AsrMetadataProto",
    )
private val NAMES = mapOf("LlmMetadataProto" to "llm_metadata", "HF_Tokenizer_Zlib" to "tokenizer")
private val MODEL_NAMES =
    mapOf(
        "tf_lite_embedder" to "embedder",
        "tf_lite_per_layer_embedder" to "per_layer_embedder",
        "tf_lite_prefill_decode" to "main",
        "tf_lite_mtp_drafter" to "drafter",
    )

/** The file's first bytes, at most 16 KiB. */
internal fun readHeaderBytes(source: ByteSource): ByteArray = source.read(0, minOf(ALIGNMENT.toLong(), source.size))

/** Sections of a LiteRT-LM header, its first 16 KiB, in a file of [size] bytes; BundleException when it is none. */
internal fun parseHeader(
    header: ByteArray,
    size: Long,
    where: String,
): List<Section> {
    val magic = header.copyOf(minOf(MAGIC.size, header.size))
    if (!magic.contentEquals(MAGIC)) {
        throw bundleError("Not a .litertlm bundle", "${spellBytes(MAGIC)} at byte 0", spellBytes(magic), where)
    }
    if (header.size < ALIGNMENT) {
        throw bundleError("Bundle is truncated", "at least $ALIGNMENT bytes", "$size bytes", where)
    }
    val end = FlatBytes(header).long(HEADER_END_AT.toLong())
    if (end !in FLATBUFFER_AT + 1..ALIGNMENT) {
        val found = java.lang.Long.toUnsignedString(end)
        throw bundleError("Bundle's header is damaged", "a header within $ALIGNMENT bytes", found, "$where, byte 24")
    }
    val sections =
        try {
            parseSections(header.copyOfRange(FLATBUFFER_AT, end.toInt()))
        } catch (error: FlatBufferException) {
            throw bundleError("Bundle's header is damaged", "a list of sections", error.message.orEmpty(), where)
        }
    for (section in sections) checkRange(section, size, where)
    return sections
}

private fun checkRange(
    section: Section,
    size: Long,
    where: String,
) {
    // Offsets are unsigned: what is negative here lies beyond any file.
    val (begin, end) = section.begin.toULong() to section.end.toULong()
    if (begin < ALIGNMENT.toULong() || end < begin || begin % ALIGNMENT.toULong() != 0uL) {
        val expected = "${section.name} at a multiple of $ALIGNMENT"
        throw bundleError("Bundle's header is damaged", expected, "bytes $begin to $end", where)
    }
    if (end > size.toULong()) {
        val expected = "${section.name} up to byte $end"
        throw bundleError("Bundle is truncated", expected, "a file of $size bytes", where)
    }
}

private fun parseSections(flatbuffer: ByteArray): List<Section> {
    val metadata = FlatTable.root(flatbuffer).table(1) ?: throw FlatBufferException("no section metadata")
    val count = metadata.count(0)
    if (count > MAX_SECTIONS) throw FlatBufferException("$count sections")
    return List(count.toInt()) { index ->
        val item = metadata.item(0, index)
        val labels = readLabels(item)
        val dataType = DATA_TYPES.getOrElse(item.byte(3)) { "unknown" }
        Section(sectionName(dataType, labels), dataType, labels["model_type"], item.long(1), item.long(2))
    }
}

/** The string-valued metadata of a section. */
private fun readLabels(item: FlatTable): Map<String, String> {
    val count = item.count(0)
    if (count > MAX_ITEMS) throw FlatBufferException("$count metadata items in a section")
    val labels = LinkedHashMap<String, String>()
    for (index in 0 until count.toInt()) {
        val pair = item.item(0, index)
        if (pair.byte(1) != STRING_VALUE) continue
        pair.table(2)?.let { value -> labels[pair.text(0)] = value.text(0) }
    }
    return labels
}

/** Our name of a section, or ASCII text about a foreign one: it may go to a terminal. */
private fun sectionName(
    dataType: String,
    labels: Map<String, String>,
): String {
    if (dataType == TFLITE_MODEL) {
        val modelType = labels["model_type"].orEmpty()
        return MODEL_NAMES[modelType] ?: spellText(modelType, ascii = true)
    }
    val label = labels["name"].orEmpty()
    if (dataType == GENERIC_BINARY && label.startsWith(BINARY_PREFIX)) {
        return spellText(label.removePrefix(BINARY_PREFIX), ascii = true).drop(1).dropLast(1)
    }
    return NAMES[dataType] ?: dataType
}
