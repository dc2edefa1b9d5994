package dev.slipstream.bundle

import java.security.MessageDigest

internal fun newSha256(): MessageDigest = MessageDigest.getInstance("SHA-256")

internal fun sha256(bytes: ByteArray): String = hex(newSha256().digest(bytes))

internal fun shortDigest(bytes: ByteArray): String = sha256(bytes).take(16)

/** Sums over [count] bytes from [begin], the first of which has the index 0. Exact for blocks up to 256 MiB. */
internal fun byteSums(
    bytes: ByteArray,
    begin: Int = 0,
    count: Int = bytes.size - begin,
): ByteSums {
    // Counted down, the weights come by adding up partial sums: sum (i + 1) b_i = n * sum b_i - sum of the prefixes.
    var plain = 0L
    var prefixes = 0L
    for (index in begin until begin + count) {
        prefixes += plain
        plain += bytes[index].toLong() and 0xff
    }
    return ByteSums(plain, count * plain - prefixes)
}

/** Both sums as 2 * 16 hex digits: a fixed width, because the manifest's size stands in the header. */
internal fun sumsHex(bytes: ByteArray): String = byteSums(bytes).let { hex(it.plain, 16) + hex(it.weighted, 16) }

internal fun parseSums(digits: String): ByteSums =
    ByteSums(
        java.lang.Long.parseUnsignedLong(digits.take(16), 16),
        java.lang.Long.parseUnsignedLong(digits.drop(16), 16),
    )

/** A byte at [index] whose value was [original]. */
internal class ChangedByte(
    val index: Int,
    val original: Int,
)

/**
 * The byte whose change makes [bytes] of what had [sums], if [isOriginal] confirms it, else null. [bytes] are changed
 * while [isOriginal] looks at them.
 */
internal fun changedByte(
    bytes: ByteArray,
    sums: ByteSums,
    isOriginal: (ByteArray) -> Boolean,
): ChangedByte? {
    val actual = byteSums(bytes)
    val difference = actual.plain - sums.plain
    if (difference == 0L || (actual.weighted - sums.weighted) % difference != 0L) return null
    val position = (actual.weighted - sums.weighted) / difference - 1
    if (position !in bytes.indices) return null
    val index = position.toInt()
    val kept = bytes[index]
    val original = (kept.toLong() and 0xff) - difference
    if (original !in 0L..255L) return null
    bytes[index] = original.toByte()
    val confirmed = isOriginal(bytes)
    bytes[index] = kept
    return if (confirmed) ChangedByte(index, original.toInt()) else null
}

/** What is wrong with the header region, or null. */
internal fun headerDamage(
    header: ByteArray,
    sha256: String,
    sums: String,
): Damage? {
    if (sha256(header) == sha256) return null
    val hit = changedByte(header, parseSums(sums)) { sha256(it) == sha256 }
    return oneByte("header", 0, header, hit) ?: Damage(listOf("header"), 0, header.size.toLong())
}

/** Damage by the byte [hit] of [bytes], which stand at [begin] of the file; null without one. */
internal fun oneByte(
    section: String,
    begin: Long,
    bytes: ByteArray,
    hit: ChangedByte?,
): Damage? {
    if (hit == null) return null
    val at = begin + hit.index
    return Damage(listOf(section), at, at + 1, hit.original, bytes[hit.index].toInt() and 0xff)
}
