package dev.slipstream.sampling

import java.io.File

/**
 * The numbers of sampling on whatever CPU this runs: for each file that a line on stdin names, `right` or the first that
 * differs. Driven by tests/android/test_parity.py.
 */
internal fun main() {
    generateSequence(::readlnOrNull).forEach { path ->
        println(firstSamplingDifference(File(path).readText()) ?: "right")
    }
}
