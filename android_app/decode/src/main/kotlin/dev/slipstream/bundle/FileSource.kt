package dev.slipstream.bundle

import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.ByteBuffer

/** The bundle's file. Reads are positional: threads don't disturb each other. */
internal class FileSource private constructor(
    private val file: RandomAccessFile,
    override val size: Long,
) : ByteSource,
    AutoCloseable {
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
                    file.channel.read(buffer, begin + buffer.position())
                } catch (error: IOException) {
                    reason = error.toString()
                    -1
                }
            if (done <= 0) {
                throw bundleError("Bundle can't be read", "$count bytes", reason, "byte ${begin + buffer.position()}")
            }
        }
    }

    override fun close(): Unit = file.close()

    companion object {
        fun open(path: File): FileSource {
            // Asked first: opening a pipe would wait for its writer.
            if (path.exists() && !path.isFile) throw notABundle(path, path.length())
            val file =
                try {
                    RandomAccessFile(path, "r")
                } catch (error: IOException) {
                    throw bundleError("Bundle can't be opened", "a readable file", error.toString(), path.path)
                }
            val size =
                try {
                    file.length()
                } catch (error: IOException) {
                    file.close()
                    throw bundleError("Bundle can't be opened", "a readable file", error.toString(), path.path)
                }
            if (size > 0) return FileSource(file, size)
            file.close()
            throw notABundle(path, size)
        }

        private fun notABundle(
            path: File,
            size: Long,
        ) = bundleError("Not a .litertlm bundle", "a file with a header", "$size bytes", path.path)
    }
}
