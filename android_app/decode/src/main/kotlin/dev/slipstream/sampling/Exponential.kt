package dev.slipstream.sampling

import kotlin.math.floor

/**
 * e to the power of [x], -40 <= x <= 0, by additions and multiplications alone: libraries differ in the last bit, and
 * all runtimes must draw the same token.
 */
internal fun exponential(x: Double): Double {
    val n = floor(x * LOG2_E + 0.5)
    val r = (x - n * LN_2_HIGH) - n * LN_2_LOW
    var e = INVERSE_FACTORIALS[DEGREE]
    for (k in DEGREE - 1 downTo 0) e = e * r + INVERSE_FACTORIALS[k]
    return e * Double.fromBits((n.toLong() + EXPONENT_BIAS) shl MANTISSA_BITS)
}

private const val DEGREE = 13
private const val LOG2_E = 1.4426950408889634
private const val LN_2_HIGH = 0.6931471803691238
private const val LN_2_LOW = 1.9082149292705877e-10
private const val EXPONENT_BIAS = 1023L
private const val MANTISSA_BITS = 52

private val INVERSE_FACTORIALS =
    DoubleArray(DEGREE + 1).also { inverses ->
        var factorial = 1.0
        for (k in inverses.indices) {
            if (k > 0) factorial *= k
            inverses[k] = 1.0 / factorial
        }
    }
