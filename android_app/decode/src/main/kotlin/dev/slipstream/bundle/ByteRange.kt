package dev.slipstream.bundle

/** Bytes [begin, end) of the file. */
internal data class ByteRange(
    val begin: Long,
    val end: Long,
)
