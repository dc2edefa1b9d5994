package dev.slipstream.bundle

import dev.slipstream.errors.BundleException

private const val MAX_MANIFEST = 16L * 1024 * 1024
private const val MAX_FOREIGN_NAMES = 200
private val MANIFEST_START = "{\"chat\":".toByteArray()

/** Sections in the header's order, the manifest last, and the manifest. */
internal class LoadedBundle(
    val sections: List<Section>,
    val manifest: Manifest,
)

/**
 * The manifest of a bundle that is not a file yet, proven as [Bundle.open] proves it. [where] names it in errors.
 *
 * BundleException as from there.
 */
public fun readManifest(
    source: ByteSource,
    where: String,
): Manifest = loadBundle(source, where).manifest

/** Header and manifest, each proven by the manifest's digests; BundleException whatever the bytes are. */
internal fun loadBundle(
    source: ByteSource,
    where: String,
): LoadedBundle {
    val header = readHeaderBytes(source)
    var problem: BundleException? = null
    var sections = emptyList<Section>()
    val manifest =
        try {
            sections = parseHeader(header, source.size, where)
            readManifestSection(source, sections, where)
        } catch (error: BundleException) {
            // A damaged header leads nowhere; the manifest still stands at the file's end and tells which byte it is.
            problem = error
            manifestAtTail(source) ?: throw error
        }
    headerDamage(header, manifest.headerSha256, manifest.headerSums)?.let { throw it.error(where) }
    problem?.let { throw it }
    val listed = spell(manifest.sections.map { tuple(it.name, it.begin, it.end) })
    val actual = spell(sections.dropLast(1).map { tuple(it.name, it.begin, it.end) })
    if (listed != actual) {
        throw bundleError("Bundle's header and manifest differ", "sections $listed", actual, where)
    }
    return LoadedBundle(sections, manifest)
}

private fun readManifestSection(
    source: ByteSource,
    sections: List<Section>,
    where: String,
): Manifest {
    if (sections.none { it.dataType == GENERIC_BINARY && it.name == "manifest" }) {
        val names = sections.joinToString(", ") { it.name }.take(MAX_FOREIGN_NAMES).ifEmpty { "no sections" }
        throw BundleException(
            "Bundle was not made by Slipstream",
            expected = "a section ${BINARY_PREFIX}manifest",
            found = "a plain LiteRT-LM bundle with $names",
            where = where,
            action = "Export the checkpoints with Slipstream, or run this file with LiteRT-LM.",
        )
    }
    val last = sections.last()
    if (last.name != "manifest" || last.end != source.size) {
        val found = "${last.name} up to byte ${last.end} of ${source.size}"
        throw bundleError("Bundle has bytes after its manifest", "the manifest as the file's end", found, where)
    }
    return readManifestAt(source, last.begin, where)
}

/** The manifest in the bytes from [begin] to the file's end. */
private fun readManifestAt(
    source: ByteSource,
    begin: Long,
    where: String,
): Manifest {
    val size = source.size - begin
    if (size > MAX_MANIFEST) {
        throw bundleError("Bundle's manifest is too large", "at most $MAX_MANIFEST bytes", "$size bytes", where)
    }
    val text = source.read(begin, source.size)
    sealDamage(text, begin)?.let { throw it.error(where) }
    val tree = parseManifestJson(text)
    val manifest = readManifest(tree)
    if (!canonicalJson(tree).contentEquals(text)) { // another spelling could hide the keys of the manifest's own hash
        throw bundleError("Manifest is not valid", "canonical JSON", "another spelling of it", where)
    }
    return manifest
}

/** The intact manifest nearest to the file's end, found without the header, or null. */
private fun manifestAtTail(source: ByteSource): Manifest? {
    val last = (source.size - 1) / ALIGNMENT * ALIGNMENT
    val start = ByteArray(MANIFEST_START.size)
    for (begin in last downTo maxOf(ALIGNMENT.toLong(), last - MAX_MANIFEST) step ALIGNMENT.toLong()) {
        if (begin + start.size > source.size) continue
        source.read(begin, start)
        if (!start.contentEquals(MANIFEST_START)) continue
        return try {
            readManifestAt(source, begin, "")
        } catch (_: BundleException) {
            null
        }
    }
    return null
}
