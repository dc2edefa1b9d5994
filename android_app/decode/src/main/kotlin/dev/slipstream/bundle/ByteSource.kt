package dev.slipstream.bundle

/** Bytes of a fixed [size] that are read by position: a bundle's file, one that is being imported, memory in tests. */
public interface ByteSource {
    public val size: Long

    /** Fills the first [count] bytes of [into] from [begin]; BundleException when they can't be had. */
    public fun read(
        begin: Long,
        into: ByteArray,
        count: Int = into.size,
    )
}

/** Bytes [begin, end), which the caller has bounded. */
internal fun ByteSource.read(
    begin: Long,
    end: Long,
): ByteArray = ByteArray((end - begin).toInt()).also { read(begin, it) }
