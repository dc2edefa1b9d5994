package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.emptyIntSet
import dev.slipstream.json.parseStrictJson
import dev.slipstream.sampling.Sampling
import dev.slipstream.trace.readSampling
import dev.slipstream.trace.roundLine
import java.io.File

/**
 * Decodes a plain prompt once for each parameters of sampling, with drafts and without. Arguments: the bundle, the
 * prompt, new tokens, then parameters as trace headers have them. Prints the rounds as traces do. Driven by
 * tests/android/test_sampling.py.
 */
internal fun main(arguments: Array<String>) {
    val count = arguments[2].toInt()
    withHeldLog { BundleRuntime(File(arguments[0])) }.use { runtime ->
        val prompt = runtime.encode(arguments[1])
        for (text in arguments.drop(3)) {
            val sampling = readSampling(parseStrictJson(text), "arguments")
            for (drafts in listOf(0, runtime.manifest.draftTokens)) {
                val session = runtime.session(drafts, emptyIntSet(), sampling)
                for (round in session.turn(prompt, count)) println(roundLine(round))
            }
        }
    }
}
