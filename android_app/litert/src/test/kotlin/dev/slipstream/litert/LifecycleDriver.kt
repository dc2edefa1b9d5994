package dev.slipstream.litert

import dev.slipstream.errors.SlipstreamException
import java.io.File
import kotlin.system.exitProcess

/**
 * Opens a bundle, decodes a little and closes it, and opens one that fails on the way, again and again: neither may
 * leave a mapping or a file descriptor of it behind. Arguments: the good bundle, the bad one. Prints what is left.
 * Driven by tests/android/test_lifecycle.py.
 */
internal fun main(arguments: Array<String>) {
    val (good, bad) = arguments.map(::File)
    open(good)
    fail(bad)
    val begin = descriptors()
    repeat(TIMES) {
        open(good)
        fail(bad)
    }
    val mappings = File("/proc/self/maps").readLines().count { good.path in it || bad.path in it }
    val leaked = descriptors() - begin
    println("$mappings mappings, $leaked descriptors")
    exitProcess(if (mappings == 0 && leaked == 0) 0 else 1)
}

private const val TIMES = 15

private fun open(file: File) {
    withHeldLog { BundleRuntime(file) }.use { runtime ->
        val rounds = runtime.session().turn(runtime.encode("def f():\n"), 20)
        check(rounds.sumOf { it.emittedTokens.size } == 20) { "fewer tokens than asked for" }
    }
}

private fun fail(file: File) {
    try {
        BundleRuntime(file).close()
        error("$file opens")
    } catch (_: SlipstreamException) {
        return
    }
}

private fun descriptors(): Int = File("/proc/self/fd").list()!!.size
