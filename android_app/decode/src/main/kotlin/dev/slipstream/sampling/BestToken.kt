package dev.slipstream.sampling

import dev.slipstream.errors.RuntimeLibraryException
import java.nio.FloatBuffer

/**
 * The id of the largest of [size] logits from [begin] on, the lowest id among equals; the row belongs to cache slot
 * [position].
 *
 * Throws [RuntimeLibraryException] where one is infinite or not a number: no token is ever drawn from such a row.
 */
public fun bestToken(
    logits: FloatBuffer,
    begin: Int,
    size: Int,
    position: Int,
): Int {
    var best = Float.NEGATIVE_INFINITY
    var least = Float.POSITIVE_INFINITY
    var token = 0
    for (i in 0 until size) {
        val logit = logits.get(begin + i)
        // A NaN is not <= anything: it takes this rare branch too, and two comparisons a logit do for all.
        if (!(logit <= best)) {
            if (logit.isNaN()) throw notFinite(logit, i, size, position)
            best = logit
            token = i
        } else if (logit < least) {
            least = logit
        }
    }
    if (best == Float.POSITIVE_INFINITY) throw notFinite(best, token, size, position)
    if (least == Float.NEGATIVE_INFINITY) {
        throw notFinite(least, (0 until size).first { logits.get(begin + it) == least }, size, position)
    }
    return token
}

/** Largest minus second largest of [size] logits from [begin] on; 0 at a tie. */
public fun margin(
    logits: FloatBuffer,
    begin: Int,
    size: Int,
): Double {
    var first = Float.NEGATIVE_INFINITY
    var second = Float.NEGATIVE_INFINITY
    for (i in 0 until size) {
        val logit = logits.get(begin + i)
        if (logit > first) {
            second = first
            first = logit
        } else if (logit > second) {
            second = logit
        }
    }
    return (first - second).toDouble()
}

internal fun notFinite(
    logit: Float,
    token: Int,
    size: Int,
    position: Int,
) = RuntimeLibraryException(
    "The model returned a logit that is no finite number",
    expected = "$size finite logits",
    found = "$logit for token $token",
    where = "the logits after cache slot $position",
    action = "Verify the bundle; if it is intact, report the model and the device.",
)
