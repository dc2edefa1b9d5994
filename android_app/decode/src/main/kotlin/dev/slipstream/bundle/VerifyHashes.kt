package dev.slipstream.bundle

/**
 * BundleException that names the section and the first wrong byte when any byte of the file changed.
 *
 * Reads the whole file, some seconds for 4 GB. [onProgress] gets the bytes read so far, a megabyte at a time, in the
 * calling thread; an exception of it ends the reading.
 */
public fun verifyHashes(
    bundle: Bundle,
    onProgress: (Long) -> Unit = {},
) {
    firstDamage(bundle, onProgress)?.let { throw it.error(bundle.path.path) }
    val manifest = bundle.manifest
    val header = readHeaderBytes(bundle.source)
    headerDamage(header, manifest.headerSha256, manifest.headerSums)?.let { throw it.error(bundle.path.path) }
}

/**
 * The first byte of the file that differs from what the manifest's digests were made from, or null.
 *
 * Header and manifest were proven by [Bundle.open]. A byte that several sections share names all. Time, memory and
 * [onProgress] are as in [verifyHashes].
 */
public fun firstDamage(
    bundle: Bundle,
    onProgress: (Long) -> Unit = {},
): Damage? = firstDamage(bundle.source, bundle.sections, bundle.manifest, onProgress)

internal fun firstDamage(
    source: ByteSource,
    sections: List<Section>,
    manifest: Manifest,
    onProgress: (Long) -> Unit = {},
): Damage? {
    val own = sections.last { it.name == "manifest" }
    val covered = listOf(ByteRange(0, ALIGNMENT.toLong()), ByteRange(own.begin, own.end))
    val found = scan(source, manifest.sections, covered, onProgress)
    val first = found.minWithOrNull(compareBy({ it.begin }, { it.end })) ?: return null
    return first.copy(sections = found.filter { it.begin < first.end }.flatMap { it.sections })
}
