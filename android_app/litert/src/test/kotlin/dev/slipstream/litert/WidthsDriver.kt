package dev.slipstream.litert

import androidx.collection.MutableIntList
import java.io.File
import java.lang.management.ManagementFactory
import kotlin.io.path.createTempDirectory

/**
 * Times verify passes and drafting. Arguments: the bundle, threads, rounds. Prints a line a call: "pass" and its width, or
 * "drafts" and their number, then the nanoseconds of a call that follows one of its own kind, and those that this thread
 * was on a processor for. In each round every width and
 * every number of drafts has its turn; tokens differ from call to call. Driven by tests/scale/widths.py.
 */
internal fun main(arguments: Array<String>) {
    val rounds = arguments[2].toInt()
    val folder = createTempDirectory("packed").toFile()
    try {
        val weights = PackedWeights(folder, limit = 0) { error(it) }
        withHeldLog { BundleRuntime(File(arguments[0]), arguments[1].toInt(), weights) }.use { runtime ->
            val vocabulary = runtime.manifest.config.vocabSize
            var seed = 0

            fun token(): Int {
                seed = (seed * STEP + 1) and Int.MAX_VALUE
                return seed % vocabulary
            }
            val target = runtime.target
            val position = target.capacity / 2
            val cached = MutableIntList().apply { repeat(position) { add(token()) } }
            repeat(rounds) {
                target.verifyWidths.forEach { width ->
                    val pass = {
                        val tokens = MutableIntList().apply { repeat(width) { add(token()) } }
                        target.verify(tokens, position, width)
                    }
                    println("pass\t$width\t${timed(pass)}")
                }
                val hidden = target.verify(MutableIntList().apply { add(token()) }, position, 1).hiddens[0]
                for (count in 1..runtime.mostDrafts) {
                    val drafter = runtime.drafter ?: break
                    println("drafts\t$count\t${timed { drafter.draft(cached, token(), hidden, position, count) }}")
                }
            }
        }
    } finally {
        folder.deleteRecursively()
    }
}

/** Of the second call: the first one finds the processor's cache full of something else, or plans anew. */
private fun timed(call: () -> Any): String {
    val thread = ManagementFactory.getThreadMXBean()
    call()
    val begin = System.nanoTime()
    val beginOfThread = thread.currentThreadCpuTime
    call()
    return "${System.nanoTime() - begin}\t${thread.currentThreadCpuTime - beginOfThread}"
}

private const val STEP = 1_103_515_245
