package dev.slipstream.bundle

import dev.slipstream.errors.BundleException

/**
 * Bytes [begin, end) of the file are wrong; [expected] and [found] are byte values when it is known to be exactly one.
 *
 * [sections] are the names of those that hold the bytes, or "header", "manifest" or "padding".
 */
public data class Damage(
    val sections: List<String>,
    val begin: Long,
    val end: Long,
    val expected: Int? = null,
    val found: Int? = null,
) {
    /** The error for people, about the bundle at [path]. */
    public fun error(path: String): BundleException {
        val names = sections.joinToString(" and ")
        val place = if (end - begin == 1L) "byte $begin" else "between bytes $begin and ${end - 1}"
        val known = expected != null && found != null
        return BundleException(
            "Bundle is damaged in $names",
            expected = if (known) spellByte(expected) else "the bytes that the manifest's digest was made from",
            found = if (known) spellByte(found) else "other bytes",
            where = "$path, section $names, $place",
            action = "Copy or download the bundle again, or export it again.",
        )
    }

    private fun spellByte(value: Int?): String = "0x" + hex(value?.toLong() ?: 0, 2)
}
