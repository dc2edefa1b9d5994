package dev.slipstream.tokenizer

/** What a lone surrogate, which has no UTF-8, is taken for. */
internal const val REPLACEMENT = 0xFFFD

/** Appends [text] as UTF-8; every lone surrogate becomes U+FFFD. Returns whether there was none. */
internal fun ByteText.appendUtf8(text: String): Boolean {
    var wellFormed = true
    var at = 0
    while (at < text.length) {
        val char = text[at++]
        if (!char.isSurrogate()) {
            appendCodePoint(char.code)
        } else if (char.isHighSurrogate() && at < text.length && text[at].isLowSurrogate()) {
            appendCodePoint(Character.toCodePoint(char, text[at++]))
        } else {
            appendCodePoint(REPLACEMENT)
            wellFormed = false
        }
    }
    return wellFormed
}

internal fun ByteText.appendCodePoint(code: Int) {
    when {
        code < 0x80 -> {
            append(code)
        }

        code < 0x800 -> {
            append(0xC0 or (code shr 6))
            append(0x80 or (code and 0x3F))
        }

        code < 0x10000 -> {
            append(0xE0 or (code shr 12))
            append(0x80 or (code shr 6 and 0x3F))
            append(0x80 or (code and 0x3F))
        }

        else -> {
            append(0xF0 or (code shr 18))
            append(0x80 or (code shr 12 and 0x3F))
            append(0x80 or (code shr 6 and 0x3F))
            append(0x80 or (code and 0x3F))
        }
    }
}

/** [text] as UTF-8 of its own array. */
internal fun utf8(text: String): ByteArray {
    val result = ByteText(text.length)
    result.appendUtf8(text)
    return result.bytes.copyOf(result.size)
}

/** Bytes of [text] as UTF-8; a surrogate that stands alone counts three. */
internal fun utf8Size(text: String): Long {
    var size = 0L
    var at = 0
    while (at < text.length) {
        val code = text.codePointAt(at)
        size +=
            when {
                code < 0x80 -> 1
                code < 0x800 -> 2
                code < 0x10000 -> 3
                else -> 4
            }
        at += Character.charCount(code)
    }
    return size
}

/** Where the first surrogate stands alone in [text]; -1 where none does. */
internal fun halfCharacter(text: String): Int {
    var at = 0
    while (at < text.length) {
        val code = text.codePointAt(at)
        if (code in 0xD800..0xDFFF) return at
        at += Character.charCount(code)
    }
    return -1
}

/** Bytes of the character that starts with [lead], in text known to be UTF-8. */
internal fun utf8Length(lead: Byte): Int =
    when (lead.toInt() and 0xFF) {
        in 0x00..0x7F -> 1
        in 0xC0..0xDF -> 2
        in 0xE0..0xEF -> 3
        else -> 4
    }

/** The character that starts at [at], in text known to be UTF-8. */
internal fun codePointAt(
    bytes: ByteArray,
    at: Int,
): Int {
    val length = utf8Length(bytes[at])
    if (length == 1) return bytes[at].toInt()
    var code = bytes[at].toInt() and (0xFF shr (length + 1))
    for (next in at + 1 until at + length) code = code shl 6 or (bytes[next].toInt() and 0x3F)
    return code
}

/** Where the character before [end] starts, in text known to be UTF-8. */
internal fun characterBefore(
    bytes: ByteArray,
    end: Int,
): Int {
    var at = end - 1
    while (bytes[at].toInt() and 0xC0 == 0x80) at--
    return at
}

/** Whether the first [size] bytes are UTF-8 as RFC 3629 has it: shortest forms, no surrogates, up to U+10FFFF. */
internal fun isUtf8(
    bytes: ByteArray,
    size: Int,
): Boolean {
    var at = 0
    while (at < size) {
        val length = wellFormedLength(bytes, at, size)
        if (length == 0) return false
        at += length
    }
    return true
}

/** How many of the last of [size] bytes begin a character that would be the next, if all before them is UTF-8; else 0. */
internal fun unfinishedSize(
    bytes: ByteArray,
    size: Int,
): Int {
    var at = 0
    while (at < size) {
        val length = wellFormedLength(bytes, at, size)
        if (length == 0) break
        at += length
    }
    val left = size - at
    if (left !in 1 until utf8Length(bytes[at])) return 0
    // Behind what is there, any of these makes some beginning whole.
    val tries = byteArrayOf(0x80.toByte(), 0xBF.toByte())
    for (next in tries) {
        val whole = bytes.copyOfRange(at, size) + ByteArray(utf8Length(bytes[at]) - left) { next }
        if (wellFormedLength(whole, 0, whole.size) > 0) return left
    }
    return 0
}

/** Bytes of the well-formed character at [at]; 0 when there is none. */
private fun wellFormedLength(
    bytes: ByteArray,
    at: Int,
    size: Int,
): Int {
    val lead = bytes[at].toInt() and 0xFF
    val length =
        when (lead) {
            in 0x00..0x7F -> return 1
            in 0xC2..0xDF -> 2
            in 0xE0..0xEF -> 3
            in 0xF0..0xF4 -> 4
            else -> return 0
        }
    if (at + length > size) return 0
    for (next in at + 1 until at + length) if (bytes[next].toInt() and 0xC0 != 0x80) return 0
    val second = bytes[at + 1].toInt() and 0xFF
    val wellFormed =
        when (lead) {
            0xE0 -> second >= 0xA0
            0xED -> second < 0xA0
            0xF0 -> second >= 0x90
            0xF4 -> second < 0x90
            else -> true
        }
    return if (wellFormed) length else 0
}
