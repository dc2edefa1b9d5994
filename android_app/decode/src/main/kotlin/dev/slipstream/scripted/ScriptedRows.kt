package dev.slipstream.scripted

import dev.slipstream.sampling.splitmix

// Rows of logits from a hash: what scripted models have where tokens are sampled. All are exact as floats.

/** Byte [token] of a stream that [state] is the seed of, 0..255. */
internal fun hashByte(
    state: Long,
    token: Int,
): Int {
    val hash = splitmix(state xor ((token / 8 + 1).toLong() shl 32))
    return (hash ushr 8 * (token % 8)).toInt() and 255
}

/** The logit of [token] in the row of [state], from -15 to below 1. */
internal fun scriptedLogit(
    state: Long,
    token: Int,
): Float = (hashByte(state, token) - 240) / 16f
