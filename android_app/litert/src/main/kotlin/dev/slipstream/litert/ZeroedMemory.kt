package dev.slipstream.litert

import com.sun.jna.Pointer
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * [size] bytes of zeros whose pages cost memory from the first time on that they are written: a cache of a long context
 * is as large as the text in it. Closing frees them: Java buffers must not outlive it.
 */
internal class ZeroedMemory(
    val size: Long,
) : AutoCloseable {
    var address: Long = map(size)
        private set

    fun bytes(count: Long): ByteBuffer = Pointer(address).getByteBuffer(0, count).order(ByteOrder.nativeOrder())

    override fun close() {
        if (address == 0L) return
        Libc.munmap(address, size)
        address = 0
    }

    private companion object {
        fun map(size: Long): Long {
            val mapped = Libc.mmap(0, size, Libc.PROT_READ_WRITE, Libc.MAP_PRIVATE_ANONYMOUS, -1, 0)
            if (mapped != Libc.MAP_FAILED) return mapped
            throw libraryError("There is no memory for a tensor", "$size bytes", "less", "this process", Remedy.MEMORY)
        }
    }
}
