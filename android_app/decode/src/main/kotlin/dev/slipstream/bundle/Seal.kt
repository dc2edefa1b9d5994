package dev.slipstream.bundle

private val SHA_KEY = "\"manifest_sha256\":\"".toByteArray()
private val SUMS_KEY = "\",\"manifest_sums\":\"".toByteArray()
private const val SHA_DIGITS = 64
private const val SUMS_DIGITS = 32

/** Where in the manifest's JSON the digits of its own SHA-256 and of its own byte sums begin. */
private class SealPositions(
    val sha: Int,
    val sums: Int,
)

/** What is wrong with manifest JSON that stands at [begin] of the file, judged by its own hash; null without one. */
internal fun sealDamage(
    text: ByteArray,
    begin: Long,
): Damage? {
    val at = sealPositions(text) ?: return null
    val storedSha = text.copyOfRange(at.sha, at.sha + SHA_DIGITS)
    val storedSums = text.copyOfRange(at.sums, at.sums + SUMS_DIGITS)
    val blank = blank(text, at)
    val (sha, sums) = sha256(blank).toByteArray() to sumsHex(blank).toByteArray()
    val shaFits = storedSha.contentEquals(sha)
    val sumsFit = storedSums.contentEquals(sums)
    if (shaFits && sumsFit) return null
    if (shaFits) return digitDamage(begin + at.sums, sums, storedSums)
    if (sumsFit) return digitDamage(begin + at.sha, sha, storedSha)
    val digits = String(storedSums, Charsets.ISO_8859_1)
    val hit =
        if (digits.all { it in '0'..'9' || it in 'a'..'f' }) {
            changedByte(blank, parseSums(digits)) { sha256(it).toByteArray().contentEquals(storedSha) }
        } else {
            null
        }
    return oneByte("manifest", begin, blank, hit) ?: Damage(listOf("manifest"), begin, begin + text.size)
}

/** Either key is enough: the other may be what is damaged. */
private fun sealPositions(text: ByteArray): SealPositions? {
    var found = indexOf(text, SHA_KEY)
    var sha = found + SHA_KEY.size
    if (found < 0) {
        found = indexOf(text, SUMS_KEY.copyOfRange(2, SUMS_KEY.size))
        sha = found - 2 - SHA_DIGITS
    }
    val sums = sha + SHA_DIGITS + SUMS_KEY.size
    return if (found >= 0 && sha >= 0 && sums + SUMS_DIGITS <= text.size) SealPositions(sha, sums) else null
}

/** Both hashes are made with all of their digits at zero. */
private fun blank(
    text: ByteArray,
    at: SealPositions,
): ByteArray {
    val result = text.copyOf()
    result.fill('0'.code.toByte(), at.sha, at.sha + SHA_DIGITS)
    result.fill('0'.code.toByte(), at.sums, at.sums + SUMS_DIGITS)
    return result
}

private fun digitDamage(
    begin: Long,
    expected: ByteArray,
    found: ByteArray,
): Damage {
    val wrong = expected.indices.filter { expected[it] != found[it] }
    val (first, last) = wrong.first() to wrong.last()
    val sections = listOf("manifest")
    if (wrong.size > 1) return Damage(sections, begin + first, begin + last + 1)
    val (right, bad) = expected[first].toInt() to (found[first].toInt() and 0xff)
    return Damage(sections, begin + first, begin + first + 1, right, bad)
}

internal fun indexOf(
    text: ByteArray,
    part: ByteArray,
    from: Int = 0,
): Int {
    for (start in from..text.size - part.size) {
        var same = 0
        while (same < part.size && text[start + same] == part[same]) same++
        if (same == part.size) return start
    }
    return -1
}
