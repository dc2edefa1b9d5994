package dev.slipstream.app.storage

import dev.slipstream.bundle.ByteSource
import java.io.InputStream

/** A source that can only be read from its start to its end. */
internal class StreamSource(
    override val name: String,
    override val size: Long?,
    private val open: () -> InputStream,
) : BundleSource {
    override val bytes: ByteSource? = null

    override fun stream(): InputStream = open()

    override fun close() {
        // Each stream is closed by who opened it.
    }
}
