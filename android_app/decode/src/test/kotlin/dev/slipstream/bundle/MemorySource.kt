package dev.slipstream.bundle

/** A bundle that is no file. */
internal class MemorySource(
    private val bytes: ByteArray,
) : ByteSource {
    override val size: Long get() = bytes.size.toLong()

    override fun read(
        begin: Long,
        into: ByteArray,
        count: Int,
    ) {
        if (begin + count > size) {
            throw bundleError("Bundle can't be read", "$count bytes", "the end of the file", "byte $size")
        }
        bytes.copyInto(into, 0, begin.toInt(), begin.toInt() + count)
    }
}
