package dev.slipstream.app.storage

import dev.slipstream.bundle.ByteSource
import java.io.Closeable
import java.io.InputStream

/** Where a bundle is imported from. */
internal interface BundleSource : Closeable {
    /** As the user knows it. */
    val name: String

    /** Bytes; null where the provider does not say. */
    val size: Long?

    /** The bytes by position; null where they can only be read from the start, as from a pipe. */
    val bytes: ByteSource?

    /** All bytes from the start. */
    fun stream(): InputStream
}
