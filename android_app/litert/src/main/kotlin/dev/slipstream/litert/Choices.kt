package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.errors.BundleException
import dev.slipstream.sampling.margin
import java.nio.FloatBuffer
import java.nio.IntBuffer

/** The greedy choices that a graph makes itself, int32\[T], and the two largest logits of each row, float32\[T, 2]. */
internal class Choices(
    private val tokens: IntBuffer,
    private val largest: FloatBuffer,
) {
    /** Whether the first [count] rows have one: where the logits of a row have no sum, they are to be looked through. */
    fun areMade(count: Int): Boolean {
        for (row in 0 until count) if (!largest.get(row * LARGEST).isFinite()) return false
        return true
    }

    /** The choices of the first [count] rows. */
    fun read(
        count: Int,
        result: MutableIntList,
    ) {
        result.clear()
        for (row in 0 until count) result.add(tokens.get(row))
    }

    fun margin(row: Int): Double = margin(largest, row * LARGEST, LARGEST)

    /**
     * BundleException unless the rows' choices are [expected], the greedy ones of their [logits], [size] a row, and the
     * two largest of these theirs; it tells [signature] and the slot, the first being [position].
     */
    fun check(
        expected: IntList,
        logits: FloatBuffer,
        size: Int,
        signature: String,
        position: Int,
    ) {
        for (row in 0 until expected.size) {
            val (token, begin) = expected[row] to row * size
            val right = listOf(logits.get(begin + token), second(logits, begin, size, token))
            val found = List(LARGEST) { largest.get(row * LARGEST + it) }
            if (tokens.get(row) == token && found == right) continue
            throw BundleException(
                "A graph's choice is not that of its logits",
                expected = "token $token, and $right as the two largest logits",
                found = "token ${tokens.get(row)}, and $found",
                where = "signature $signature, after cache slot ${position + row}",
                action = "Export the bundle again.",
            )
        }
    }

    /** The largest of [size] logits from [begin] on without that of [token]. */
    private fun second(
        logits: FloatBuffer,
        begin: Int,
        size: Int,
        token: Int,
    ): Float {
        var largest = Float.NEGATIVE_INFINITY
        for (i in 0 until size) if (i != token) largest = maxOf(largest, logits.get(begin + i))
        return largest
    }

    companion object {
        private const val LARGEST = 2

        /** Those of a graph's [outputs], or null where it makes none. */
        fun of(outputs: Map<String, TensorBuffer>): Choices? =
            outputs[TARGET_TOKENS]?.let { Choices(it.ints(), outputs.getValue(TOP_LOGITS).floats()) }
    }
}
