package dev.slipstream.decode

import androidx.collection.IntList

/**
 * The id of the largest logit in a scripted row of whole numbers, the lowest id where several are equal.
 *
 * Rows of a real model are floats in a buffer; their choice is made beside that buffer.
 */
internal fun argmax(logits: IntList): Int {
    var best = 0
    for (token in logits.indices) {
        if (logits[token] > logits[best]) best = token
    }
    return best
}

/** Largest minus second largest logit; 0 at a tie. Needs at least two logits. */
internal fun margin(logits: IntList): Int {
    val best = argmax(logits)
    var second = Int.MIN_VALUE
    for (token in logits.indices) {
        if (token != best) second = maxOf(second, logits[token])
    }
    return logits[best] - second
}
