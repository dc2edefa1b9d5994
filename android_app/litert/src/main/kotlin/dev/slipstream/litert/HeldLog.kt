package dev.slipstream.litert

import com.sun.jna.Pointer
import java.io.File

/**
 * Runs [block] with what native code writes to the process's stderr held back, and shows it after all when [block]
 * throws: LiteRT notes what it does there and has no switch for all of it. $SLIPSTREAM_LITERT_LOG lets it through.
 *
 * For programs of one thread; Android has a log of its own.
 */
public fun <T> withHeldLog(block: () -> T): T {
    if (!System.getenv("SLIPSTREAM_LITERT_LOG").isNullOrEmpty()) return block()
    LiteRtLibrary.load()
    System.err.flush()
    val file = File.createTempFile("litert", ".log")
    val original = Libc.dup(STDERR)
    val held = cString(file.path).use { Libc.open(Pointer.nativeValue(it), Libc.WRITE_ONLY_CLOSE_ON_EXEC) }
    try {
        Libc.dup2(held, STDERR)
        return block()
    } catch (error: Throwable) {
        Libc.dup2(original, STDERR)
        System.err.print(file.readText())
        throw error
    } finally {
        Libc.dup2(original, STDERR)
        Libc.close(original)
        Libc.close(held)
        file.delete()
    }
}

private const val STDERR = 2
