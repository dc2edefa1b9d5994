package dev.slipstream.sampling

import java.nio.FloatBuffer

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
