package dev.slipstream.sampling

/** What a random number is for; the order is the specification's numbering. */
internal enum class Purpose {
    CHOOSE,
    ACCEPT,
    DRAFT,
}

/** A number in \[0, 1) for the token that will stand in cache slot [slot]: no earlier draw changes it. */
internal fun uniform(
    seed: Long,
    slot: Int,
    purpose: Purpose,
): Double {
    val h = splitmix(splitmix(splitmix(seed) xor (4L * slot + purpose.ordinal)))
    return (h ushr 11) * TWO_TO_MINUS_53
}

/** The seed of reply [n] of several: samples of one prompt, or the replies of a conversation. */
public fun replySeed(
    seed: Long,
    n: Long,
): Long = if (n == 0L) seed else splitmix(seed xor splitmix(n)) ushr 1

private const val TWO_TO_MINUS_53 = 1.0 / (1L shl 53)
