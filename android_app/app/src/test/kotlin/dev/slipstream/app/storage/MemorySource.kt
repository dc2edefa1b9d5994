package dev.slipstream.app.storage

import dev.slipstream.bundle.ByteSource
import dev.slipstream.bundle.readManifest
import java.io.ByteArrayInputStream
import java.io.InputStream

/** [content] as a file by position, or as a pipe; counts what was read by position. */
internal class MemorySource(
    private val content: ByteArray,
    private val isPipe: Boolean = false,
) : BundleSource {
    var bytesRead = 0L
    override val name = "model.litertlm"
    override val size = content.size.toLong()
    override val bytes: ByteSource? = if (isPipe) null else Positions()

    override fun stream(): InputStream = ByteArrayInputStream(content)

    override fun close() = Unit

    private inner class Positions : ByteSource {
        override val size = content.size.toLong()

        override fun read(
            begin: Long,
            into: ByteArray,
            count: Int,
        ) {
            content.copyInto(into, 0, begin.toInt(), begin.toInt() + count)
            bytesRead += count
        }
    }
}

internal fun resource(name: String): ByteArray =
    MemorySource::class.java.getResourceAsStream("/$name")!!.use { it.readBytes() }

/** Under which an import puts the bundle that [bytes] are. */
internal fun bundleName(bytes: ByteArray): String =
    BundleShelf.fileName(readManifest(MemorySource(bytes).bytes!!, "it").manifestSha256)
