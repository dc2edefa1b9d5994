package dev.slipstream.sampling

import androidx.collection.IntList
import dev.slipstream.errors.RuntimeLibraryException
import java.nio.FloatBuffer

/**
 * One row of logits in an array of ours, where a penalty may change it; [position] is the cache slot it follows. Arrays
 * are also what Android's runtime reads fast.
 */
internal class LogitRow {
    var logits = FloatArray(0)
        private set
    var size = 0
        private set
    var position = 0
        private set

    /** Takes [size] logits of [source] from [begin] on. */
    fun read(
        source: FloatBuffer,
        begin: Int,
        size: Int,
        position: Int,
    ) {
        if (logits.size < size) logits = FloatArray(size)
        this.size = size
        this.position = position
        source.position(begin)
        source.get(logits, 0, size)
    }

    /** The error for a row that is not all finite. */
    fun notFinite(): RuntimeLibraryException = notFinite(FloatBuffer.wrap(logits), 0, size, position)

    /**
     * Changes the logits of [tokens]\[from until to\], but of those that have none; [source] and [begin] are those of
     * [read], where a token that is there twice still has its first logit.
     */
    fun penalise(
        source: FloatBuffer,
        begin: Int,
        tokens: IntList,
        from: Int,
        to: Int,
        penalty: Double,
    ) {
        for (i in from until to) {
            val token = tokens[i]
            if (token !in 0 until size) continue
            val logit = source.get(begin + token).toDouble()
            logits[token] = (if (logit > 0) logit / penalty else logit * penalty).toFloat()
        }
    }
}
