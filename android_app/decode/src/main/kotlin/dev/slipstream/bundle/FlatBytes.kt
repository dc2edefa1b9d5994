package dev.slipstream.bundle

/** A flatbuffer that leads outside its bytes, or whose text is no UTF-8. */
internal class FlatBufferException(
    message: String,
) : Exception(message)

/** Little-endian reads at checked positions, so that no offset has to be trusted. */
internal class FlatBytes(
    private val bytes: ByteArray,
) {
    fun byte(at: Long): Int = bytes[checked(at, 1)].toInt() and 0xff

    fun short(at: Long): Int = byte(at) or (byte(at + 1) shl 8)

    fun unsigned(at: Long): Long = short(at).toLong() or (short(at + 2).toLong() shl 16)

    fun long(at: Long): Long = unsigned(at) or (unsigned(at + 4) shl 32)

    /** Strict UTF-8. */
    fun text(
        at: Long,
        length: Long,
    ): String = decodeUtf8(bytes, checked(at, length), length.toInt()) ?: throw FlatBufferException("no UTF-8 at $at")

    private fun checked(
        at: Long,
        size: Long,
    ): Int {
        if (at < 0 || at > bytes.size - size) throw FlatBufferException("offset $at of ${bytes.size} bytes")
        return at.toInt()
    }
}
