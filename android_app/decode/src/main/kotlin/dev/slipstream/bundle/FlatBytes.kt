package dev.slipstream.bundle

/** A flatbuffer that leads outside its bytes, or whose text is no UTF-8. */
internal class FlatBufferException(
    message: String,
) : Exception(message)

/** Little-endian reads at checked positions, so that no offset has to be trusted. */
internal class FlatBytes(
    private val bytes: ByteArray,
) {
    // Texts may stand in the same bytes: without a limit a header of 16 KiB could spell megabytes.
    private var textLeft = ALIGNMENT.toLong()

    fun byte(at: Long): Int = bytes[checked(at, 1)].toInt() and 0xff

    fun short(at: Long): Int = byte(at) or (byte(at + 1) shl 8)

    fun unsigned(at: Long): Long = short(at).toLong() or (short(at + 2).toLong() shl 16)

    fun long(at: Long): Long = unsigned(at) or (unsigned(at + 4) shl 32)

    /** Strict UTF-8. */
    fun text(
        at: Long,
        length: Long,
    ): String {
        val begin = checked(at, length)
        textLeft -= length
        if (textLeft < 0) throw FlatBufferException("texts longer than a header")
        return decodeUtf8(bytes, begin, length.toInt()) ?: throw FlatBufferException("no UTF-8 at $at")
    }

    private fun checked(
        at: Long,
        size: Long,
    ): Int {
        if (at < 0 || at > bytes.size - size) throw FlatBufferException("offset $at of ${bytes.size} bytes")
        return at.toInt()
    }
}
