package dev.slipstream.bundle

/**
 * Bytes [begin, end) of the bundle's file; [begin] is a multiple of 16 KiB, which is a multiple of every page size.
 *
 * [name] is the manifest's, [dataType] and [modelType] (null for what is no TFLite model) are LiteRT-LM's. Sections may
 * overlap: models that share weights hold them in common bytes.
 */
public data class Section(
    val name: String,
    val dataType: String,
    val modelType: String?,
    val begin: Long,
    val end: Long,
) {
    /** Bytes. */
    val size: Long get() = end - begin
}
