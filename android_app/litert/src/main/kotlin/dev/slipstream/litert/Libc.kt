package dev.slipstream.litert

/** The few C library functions that the JVM has no equal of: mappings of any length, memory that C frees. */
internal object Libc {
    const val READ_ONLY_CLOSE_ON_EXEC = 0x80000
    const val WRITE_ONLY_CLOSE_ON_EXEC = 0x80001
    const val PROT_READ = 1
    const val PROT_READ_WRITE = 3
    const val MAP_SHARED = 1
    const val MAP_PRIVATE_ANONYMOUS = 0x22
    const val MAP_FAILED = -1L
    const val MADV_RANDOM = 1
    const val MADV_DONTNEED = 4

    @JvmStatic
    external fun open(
        path: Long,
        flags: Int,
    ): Int

    @JvmStatic
    external fun close(descriptor: Int): Int

    @JvmStatic
    external fun dup(descriptor: Int): Int

    @JvmStatic
    external fun dup2(
        descriptor: Int,
        other: Int,
    ): Int

    @JvmStatic
    external fun mmap(
        address: Long,
        length: Long,
        protection: Int,
        flags: Int,
        descriptor: Int,
        offset: Long,
    ): Long

    @JvmStatic
    external fun munmap(
        address: Long,
        length: Long,
    ): Int

    @JvmStatic
    external fun madvise(
        address: Long,
        length: Long,
        advice: Int,
    ): Int

    @JvmStatic
    external fun strdup(text: Long): Long
}
