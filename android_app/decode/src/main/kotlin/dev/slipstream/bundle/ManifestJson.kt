package dev.slipstream.bundle

import dev.slipstream.errors.BundleException
import dev.slipstream.json.JsonException
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.parseStrictJson

private const val FORMAT = "slipstream"
private const val VERSION = 1L
private const val MAX_THREADS = 64

// A tree takes some sixty bytes a value: text of nothing but commas must not become a gigabyte. A bundle of 4 GB has
// about 40,000 values, most of them digests of blocks.
private const val MAX_VALUES = 1 shl 17

private val KEYS =
    listOf(
        "target",
        "drafter",
        "config",
        "context_length",
        "draft_tokens",
        "prefill_lengths",
        "verify_widths",
        "signatures",
        "tokens",
        "chat",
        "recipe",
        "skipped",
        "sections",
        "shared_weights",
        "header_sha256",
        "header_sums",
        "manifest_sha256",
        "manifest_sums",
        "format",
        "version",
    )

private val OPTIONAL =
    listOf(
        OptionalKey("sources", "at least one", none = emptyList<Any>()),
        OptionalKey("sampling", "an object"),
        OptionalKey("threads", "an integer"),
    )

/** The manifest's JSON tree, of our format and version; BundleException otherwise. */
internal fun parseManifestJson(text: ByteArray): Any? {
    val values = text.count { it == ','.code.toByte() || it == '['.code.toByte() || it == '{'.code.toByte() }
    checkManifest(values <= MAX_VALUES, "(whole)", "at most $MAX_VALUES values") { values }
    val decoded = decodeUtf8(text) ?: throw manifestError("(whole)", "JSON", "bytes that are no UTF-8")
    val tree =
        try {
            parseStrictJson(decoded)
        } catch (error: JsonException) {
            // Gson would have a programmer accept it.
            throw manifestError("(whole)", "JSON", error.message.orEmpty().substringAfter(" to accept "))
        }
    checkVersion(tree)
    return tree
}

private fun checkVersion(tree: Any?) {
    val fields = tree as? Map<*, *>
    checkManifest(fields?.get("format") == FORMAT, "format", spell(FORMAT)) {
        if (fields == null) typeName(tree) else fields["format"]
    }
    val version = fields?.get("version")
    if (version is JsonNumber && version.isInteger && version.toSaturatedLong() > VERSION) {
        throw BundleException(
            "Bundle is newer than this runtime",
            expected = "manifest version $VERSION",
            found = "manifest version ${version.toSaturatedLong()}",
            where = "manifest key version",
            action = "Use a newer Slipstream, or export the bundle with this one.",
        )
    }
    // What the reference takes for 1 but is no integer is left to the check of its type.
    val equal = version == true || (version is JsonNumber && version.toDouble() == VERSION.toDouble())
    checkManifest(equal, "version", "$VERSION") { version }
    asLong(version, "version", "version", VERSION, VERSION)
}

private fun typeName(value: Any?): String =
    when (value) {
        null -> "NoneType"
        is Boolean -> "bool"
        is String -> "str"
        is List<*> -> "list"
        is JsonNumber -> if (value.isInteger) "int" else "float"
        else -> "dict"
    }

internal fun readManifest(tree: Any?): Manifest {
    val fields = JsonFields(tree, "", KEYS, OPTIONAL)
    val drafter = fields.value("drafter")?.let { Model.read(it, "drafter") }
    val config = Config.read(fields.value("config"), "config")
    return Manifest(
        target = Model.read(fields.value("target"), "target"),
        drafter = drafter,
        config = config,
        contextLength = fields.int("context_length", 1),
        draftTokens = fields.int("draft_tokens", if (drafter == null) 0 else 1, 64),
        prefillLengths = fields.ascendingInts("prefill_lengths", 1),
        verifyWidths = fields.ascendingInts("verify_widths", 2),
        signatures = fields.map("signatures") { models, key -> asMap(models, key, Signature::read) },
        tokens = Tokens.read(fields.value("tokens"), config.vocabSize),
        chat = fields.value("chat")?.let { readChatFormat(it) },
        recipe = Recipe.read(fields.value("recipe")),
        skipped = fields.texts("skipped"),
        sampling = fields.value("sampling")?.let(SamplingDefaults::read),
        threads = if (fields.has("threads")) fields.int("threads", 1, MAX_THREADS) else null,
        sources = if (fields.has("sources")) fields.list("sources", Source::read) else emptyList(),
        sections = fields.list("sections", SectionEntry::read),
        sharedWeights = fields.list("shared_weights", SharedWeights::read),
        headerSha256 = fields.hex("header_sha256", 64),
        headerSums = fields.hex("header_sums", 32),
        manifestSha256 = fields.hex("manifest_sha256", 64),
        manifestSums = fields.hex("manifest_sums", 32),
    )
}
