package dev.slipstream.sampling

internal const val GOLDEN_GAMMA: Long = -0x61c8864680b583ebL

/** One step of SplitMix64 from state [x]: an unsigned 64-bit hash of an unsigned 64-bit number. */
internal fun splitmix(x: Long): Long {
    var z = x + GOLDEN_GAMMA
    z = (z xor (z ushr 30)) * -0x40a7b892e31b1a47L
    z = (z xor (z ushr 27)) * -0x6b2fb644ecceee15L
    return z xor (z ushr 31)
}
