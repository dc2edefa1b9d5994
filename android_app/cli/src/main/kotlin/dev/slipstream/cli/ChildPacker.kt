package dev.slipstream.cli

import dev.slipstream.litert.Packer
import java.io.File
import java.io.IOException

/**
 * Packs in a process of its own, since XNNPACK ends the process where a disk is full: `bin/slipstream pack`, as
 * $SLIPSTREAM_LAUNCHER names it, or this very Java. The child ends when this process does.
 */
internal class ChildPacker : Packer {
    override fun pack(
        bundle: File,
        folder: File,
    ): String? {
        val process =
            try {
                ProcessBuilder(command() + listOf("pack", bundle.absolutePath, folder.absolutePath))
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start()
            } catch (error: IOException) {
                return "no process to pack them in: ${error.message}"
            }
        return when (val code = process.waitFor()) {
            0 -> null
            BAD_BUNDLE -> ""
            else -> "packing them ended with code $code; the disk may be full"
        }
    }

    private fun command(): List<String> {
        System.getenv("SLIPSTREAM_LAUNCHER")?.ifEmpty { null }?.let { return it.split('\n') }
        val java = File(System.getProperty("java.home"), "bin/java").path
        return listOf(java, "-cp", System.getProperty("java.class.path"), "dev.slipstream.cli.MainKt")
    }
}
