package dev.slipstream.litert

import com.sun.jna.NativeLibrary
import java.io.File
import java.io.IOException
import java.security.MessageDigest

/** What the library is called where its file can't be found, as in an APK: the version that the ports are made for. */
private const val LIBRARY_VERSION = "2.3.0"

/** The name of an entry: packed weights are of these bytes, by this library, for this kind of processor. */
internal fun entryKey(
    manifestSha256: String,
    library: LiteRtLibrary,
): String {
    val lines = listOf(manifestSha256, libraryName(library), machine()) + features()
    val text = lines.joinToString("") { "$it\n" }
    return hex(MessageDigest.getInstance("SHA-256").digest(text.toByteArray())).take(32)
}

private fun libraryName(library: LiteRtLibrary): String =
    try {
        NativeLibrary
            .getInstance(library.path)
            .file
            ?.takeIf(File::isFile)
            ?.let(::sha256) ?: LIBRARY_VERSION
    } catch (_: IOException) {
        LIBRARY_VERSION
    }

private fun machine(): String = System.getProperty("os.arch").let { if (it == "amd64") "x86_64" else it }

/** Sorted; none where the system does not list them. */
private fun features(): List<String> =
    try {
        val lines = File("/proc/cpuinfo").readLines()
        val line = lines.firstOrNull { it.startsWith("flags") || it.startsWith("Features") }.orEmpty()
        line
            .substringAfter(':', "")
            .split(' ', '\t')
            .filter(String::isNotEmpty)
            .sorted()
    } catch (_: IOException) {
        emptyList()
    }
