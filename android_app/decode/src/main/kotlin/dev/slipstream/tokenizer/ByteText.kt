package dev.slipstream.tokenizer

/** Bytes that grow at their end; [bytes] is valid up to [size]. */
internal class ByteText(
    capacity: Int = 64,
) {
    var bytes: ByteArray = ByteArray(capacity)
        private set
    var size: Int = 0
        private set

    fun append(byte: Int) {
        reserve(1)
        bytes[size++] = byte.toByte()
    }

    fun append(
        source: ByteArray,
        from: Int = 0,
        to: Int = source.size,
    ) {
        reserve(to - from)
        source.copyInto(bytes, size, from, to)
        size += to - from
    }

    /** Forgets the last [count] bytes. */
    fun drop(count: Int) {
        size -= count
    }

    fun clear() {
        size = 0
    }

    private fun reserve(count: Int) {
        if (size + count > bytes.size) bytes = bytes.copyOf(maxOf(size + count, bytes.size * 2))
    }
}
