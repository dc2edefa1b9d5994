package dev.slipstream.sampling

/** What a random number is for: what the target says. */
internal const val CHOOSE = 0

/**
 * Whether the target keeps the ith draft of a round, from 0 on. A slot is drafted for and judged in several rounds,
 * which must not be alike.
 */
internal fun acceptPurpose(i: Int): Int = 2 * i + 1

/** Which token the ith draft of a round is. */
internal fun draftPurpose(i: Int): Int = 2 * i + 2

private const val PURPOSES = 128L

/** A number in \[0, 1) for the token that will stand in cache slot [slot]: no earlier draw changes it. */
internal fun uniform(
    seed: Long,
    slot: Int,
    purpose: Int,
): Double {
    val h = splitmix(splitmix(splitmix(seed) xor (PURPOSES * slot + purpose)))
    return (h ushr 11) * TWO_TO_MINUS_53
}

/** The seed of reply [n] of several: samples of one prompt, or the replies of a conversation. */
public fun replySeed(
    seed: Long,
    n: Long,
): Long = if (n == 0L) seed else splitmix(seed xor splitmix(n)) ushr 1

private const val TWO_TO_MINUS_53 = 1.0 / (1L shl 53)
