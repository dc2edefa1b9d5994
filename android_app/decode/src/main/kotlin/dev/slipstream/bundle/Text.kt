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
