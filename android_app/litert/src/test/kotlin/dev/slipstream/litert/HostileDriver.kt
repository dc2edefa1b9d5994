package dev.slipstream.litert

import dev.slipstream.chat.Message
import dev.slipstream.chat.USER
import dev.slipstream.errors.SlipstreamException
import dev.slipstream.trace.goldenTraces
import dev.slipstream.trace.replay
import java.io.File

/**
 * Bundles that somebody else made, one after the other in one process: reads paths from standard input, one a line, and
 * answers each with the exit code that a verb would have, 0 where all replays, then the milliseconds it took, the
 * process's largest resident size so far in KiB, and the error's first lines. Any other exception ends it.
 *
 * Driven by tests/android/test_hostile.py.
 */
internal fun main() {
    LiteRtLibrary.load()
    generateSequence(::readlnOrNull).forEach { path ->
        val begin = System.nanoTime()
        val (code, text) =
            try {
                withHeldLog { use(File(path)) }
                0 to ""
            } catch (error: SlipstreamException) {
                error.exitCode to error.message.orEmpty().replace('\n', ' ')
            }
        println("$code\t${(System.nanoTime() - begin) / 1_000_000}\t${peak()}\t$text")
    }
}

private fun use(file: File) {
    BundleRuntime(file).use { runtime ->
        val session = runtime.session()
        val prompt = if (runtime.manifest.chat == null) runtime.encode("x = ") else chatPrompt(runtime)
        session.turn(prompt, NEW_TOKENS).forEach { runtime.tokenizer.decode(it.emittedTokens) }
        for (trace in goldenTraces(runtime.bundle).values.flatten()) {
            replay(trace, runtime.comparingTarget, runtime.drafter)
        }
    }
}

private fun chatPrompt(runtime: BundleRuntime) = runtime.chat.context(listOf(Message(USER, "x = ")))

private fun peak(): String =
    File("/proc/self/status")
        .readLines()
        .first {
            it.startsWith("VmHWM")
        }.filter(Char::isDigit)

private const val NEW_TOKENS = 12
