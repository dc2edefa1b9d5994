package dev.slipstream.app.storage

import dev.slipstream.bundle.ByteSource
import dev.slipstream.errors.BundleException
import java.io.Closeable
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.channels.Channels
import java.nio.channels.FileChannel

/** [size] bytes from [begin] on of a file that is open: a document, or an asset inside an APK. Closes [owner]. */
internal class ChannelSource(
    override val name: String,
    private val channel: FileChannel,
    private val begin: Long,
    override val size: Long,
    private val owner: Closeable = channel,
) : BundleSource,
    ByteSource {
    override val bytes: ByteSource get() = this

    override fun read(
        begin: Long,
        into: ByteArray,
        count: Int,
    ) {
        val buffer = ByteBuffer.wrap(into, 0, count)
        var reason = "the end of the file"
        while (buffer.hasRemaining()) {
            val done =
                try {
                    channel.read(buffer, this.begin + begin + buffer.position())
                } catch (error: IOException) {
                    reason = error.toString()
                    -1
                }
            if (done <= 0) throw unreadable(name, reason, begin + buffer.position())
        }
    }

    override fun stream(): InputStream = Channels.newInputStream(channel.position(begin))

    override fun close() = owner.close()
}

internal fun unreadable(
    name: String,
    reason: String,
    position: Long,
) = BundleException(
    "The file can't be read",
    expected = "more bytes of it",
    found = reason,
    where = "$name, byte $position",
    action = "Choose the file again: what was copied is kept.",
)
