package dev.slipstream.bundle

import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException

/** Strict UTF-8: null where `String(bytes)` would put replacement characters. */
internal fun decodeUtf8(
    bytes: ByteArray,
    begin: Int = 0,
    length: Int = bytes.size - begin,
): String? =
    try {
        Charsets.UTF_8
            .newDecoder()
            .decode(ByteBuffer.wrap(bytes, begin, length))
            .toString()
    } catch (_: CharacterCodingException) {
        null
    }

/** The first [count] characters of [text], none of them cut in half. */
internal fun firstCodePoints(
    text: String,
    count: Int,
): String = text.substring(0, text.offsetByCodePoints(0, minOf(count, text.codePointCount(0, text.length))))
