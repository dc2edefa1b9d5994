package dev.slipstream.bundle

private val MANIFEST_START = "{\"chat\":".toByteArray()
private const val BLANK = '0'.code.toByte()

/** The bundle as an attacker would leave it: header and manifest hashes made anew, as far as their keys are there. */
internal fun reseal(
    bundle: ByteArray,
    begin: Int = manifestBegin(bundle),
): ByteArray {
    val result = bundle.copyOf()
    val header = result.copyOf(ALIGNMENT)
    put(result, begin, "header_sha256", sha256(header))
    put(result, begin, "header_sums", sumsHex(header))
    val sha = put(result, begin, "manifest_sha256", "0".repeat(64))
    val sums = put(result, begin, "manifest_sums", "0".repeat(32))
    if (!sha || !sums) return result
    val blank = result.copyOfRange(begin, result.size)
    put(result, begin, "manifest_sha256", sha256(blank))
    put(result, begin, "manifest_sums", sumsHex(blank))
    return result
}

/** Where the manifest begins. */
internal fun manifestBegin(bundle: ByteArray): Int =
    (ALIGNMENT until bundle.size step ALIGNMENT).last { indexOf(bundle.copyOfRange(it, it + 8), MANIFEST_START) == 0 }

/** The bundle with [text] for its manifest, every hash fitting. */
internal fun withManifest(
    bundle: ByteArray,
    text: ByteArray,
): ByteArray {
    val begin = manifestBegin(bundle)
    val sections = parseHeader(bundle.copyOf(ALIGNMENT), bundle.size.toLong(), "test")
    val ranges = sections.associate { it.name to ByteRange(it.begin, it.end) }
    val own = ByteRange(begin.toLong(), begin.toLong() + text.size)
    val header = SmallBundle.header(ranges + ("manifest" to own))
    return reseal(header + bundle.copyOfRange(ALIGNMENT, begin) + text, begin)
}

private fun put(
    bundle: ByteArray,
    from: Int,
    key: String,
    digits: String,
): Boolean {
    val name = "\"$key\":\"".toByteArray()
    val at = indexOf(bundle, name, from)
    if (at < 0 || at + name.size + digits.length > bundle.size) return false
    digits.toByteArray().copyInto(bundle, at + name.size)
    return true
}
