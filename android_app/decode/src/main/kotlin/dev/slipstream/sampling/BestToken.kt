package dev.slipstream.sampling

import dev.slipstream.errors.RuntimeLibraryException
import java.nio.FloatBuffer

/** The greedy choice. It copies a block of logits at a time: reading a direct buffer one by one is three times as slow. */
internal class BestToken {
    private val block = FloatArray(BLOCK)

    /**
     * The id of the largest of [size] logits from [begin] on, the lowest id among equals; the row belongs to cache slot
     * [position].
     *
     * Throws [RuntimeLibraryException] that names the first which is infinite or not a number: no token is ever drawn
     * from such a row.
     */
    fun of(
        logits: FloatBuffer,
        begin: Int,
        size: Int,
        position: Int,
    ): Int {
        var best = Float.NEGATIVE_INFINITY
        var token = 0
        var isFinite = true
        logits.position(begin)
        var from = 0
        // Steps of a range would be an object.
        while (from < size) {
            val count = minOf(BLOCK, size - from)
            logits.get(block, 0, count)
            for (i in 0 until count) {
                val logit = block[i]
                if (logit > best) {
                    best = logit
                    token = from + i
                }
                // Nor is what is not a number.
                if (!(logit >= -Float.MAX_VALUE)) isFinite = false
            }
            from += count
        }
        if (!isFinite || best > Float.MAX_VALUE) throw notFinite(logits, begin, size, position)
        return token
    }

    private companion object {
        const val BLOCK = 4096
    }
}

/** The error for [size] logits from [begin] on that are not all finite: it names the first of them. */
internal fun notFinite(
    logits: FloatBuffer,
    begin: Int,
    size: Int,
    position: Int,
): RuntimeLibraryException {
    val token = (0 until size).first { !logits.get(begin + it).isFinite() }
    return notFinite(logits.get(begin + token), token, size, position)
}

/** The error for a row of [size] logits in which [token] has [logit]. */
internal fun notFinite(
    logit: Float,
    token: Int,
    size: Int,
    position: Int,
): RuntimeLibraryException =
    RuntimeLibraryException(
        "The model returned a logit that is no finite number",
        expected = "$size finite logits",
        found = "$logit for token $token",
        where = "the logits after cache slot $position",
        action = "Verify the bundle; if it is intact, report the model and the device.",
    )
