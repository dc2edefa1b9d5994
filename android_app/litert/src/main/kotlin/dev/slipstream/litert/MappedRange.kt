package dev.slipstream.litert

import com.sun.jna.Pointer
import dev.slipstream.errors.BundleException
import java.io.File

/**
 * Bytes of a file, mapped read-only at one address however many they are: a `ByteBuffer` ends at 2 GiB, and models are
 * larger. Closing unmaps: nothing may read the address any more.
 */
internal class MappedRange(
    file: File,
    begin: Long,
    val size: Long,
) : AutoCloseable {
    var address: Long = map(file, begin)
        private set

    private fun map(
        file: File,
        begin: Long,
    ): Long {
        val descriptor =
            cString(file.path).use { Libc.open(Pointer.nativeValue(it), Libc.READ_ONLY_CLOSE_ON_EXEC) }
        if (descriptor < 0) throw unmapped(file, begin, "a file that can't be opened")
        try {
            val mapped = Libc.mmap(0, size, Libc.PROT_READ, Libc.MAP_SHARED, descriptor, begin)
            if (mapped == Libc.MAP_FAILED) throw unmapped(file, begin, "no address space for it")
            return mapped
        } finally {
            Libc.close(descriptor)
        }
    }

    private fun unmapped(
        file: File,
        begin: Long,
        found: String,
    ) = BundleException(
        "Bundle can't be mapped",
        expected = "$size bytes from byte $begin on",
        found = found,
        where = file.path,
        action = "Free memory, or copy the bundle again.",
    )

    /** For tables of which single rows are read: what lies around them is not read ahead. */
    fun readRows() {
        Libc.madvise(address, size, Libc.MADV_RANDOM)
    }

    /** Gives back the memory that pages took; they come from the file again when they are read. */
    fun release() {
        Libc.madvise(address, size, Libc.MADV_DONTNEED)
    }

    override fun close() {
        if (address == 0L) return
        Libc.munmap(address, size)
        address = 0
    }
}
