package dev.slipstream.bundle

/** Two sums over bytes b_i with i from 0: [plain] is sum b_i, [weighted] is sum (i + 1) * b_i. */
public data class ByteSums(
    val plain: Long,
    val weighted: Long,
)
