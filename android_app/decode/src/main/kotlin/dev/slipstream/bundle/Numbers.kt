package dev.slipstream.bundle

import dev.slipstream.json.JsonNumber
import java.math.BigDecimal
import java.math.MathContext
import java.math.RoundingMode

/** Whether it is written without a point and without an exponent. */
internal val JsonNumber.isInteger: Boolean
    get() = literal.none { it == '.' || it == 'e' || it == 'E' }

/** The value of an integer literal, or the end of the range that it lies beyond. */
internal fun JsonNumber.toSaturatedLong(): Long =
    toLongOrNull() ?: if (literal.startsWith("-")) Long.MIN_VALUE else Long.MAX_VALUE

/** Whether Python's `json` would write the number in this way: one spelling a value. */
internal fun JsonNumber.isCanonical(): Boolean = if (isInteger) literal != "-0" else literal == spellDouble(toDouble())

/**
 * The shortest decimal that reads back as [value], of several the nearest, in the form of Python's `repr`.
 *
 * `Double.toString` is no help: its form differs, and before JDK 19 it is not always the shortest.
 */
internal fun spellDouble(value: Double): String {
    if (value.isNaN()) return "nan"
    val sign = if (Math.copySign(1.0, value) < 0) "-" else ""
    if (value.isInfinite()) return sign + "inf"
    if (value == 0.0) return sign + "0.0"
    val shortest = shortestDecimal(Math.abs(value)).stripTrailingZeros()
    val digits = shortest.unscaledValue().toString()
    val point = digits.length - shortest.scale() // where the decimal point stands, counted from the first digit
    return sign +
        when {
            point !in -3..16 -> {
                val exponent = Math.abs(point - 1).toString().padStart(2, '0')
                val fraction = if (digits.length > 1) "." + digits.drop(1) else ""
                digits.take(1) + fraction + (if (point > 0) "e+" else "e-") + exponent
            }

            point <= 0 -> {
                "0." + "0".repeat(-point) + digits
            }

            point >= digits.length -> {
                digits + "0".repeat(point - digits.length) + ".0"
            }

            else -> {
                digits.take(point) + "." + digits.drop(point)
            }
        }
}

private fun shortestDecimal(value: Double): BigDecimal {
    val exact = BigDecimal(value)
    // 15 digits tell normal numbers apart: with zeros stripped they hold any shorter spelling too.
    for (precision in (if (value < MIN_NORMAL) 1 else 15)..16) {
        val near =
            listOf(RoundingMode.DOWN, RoundingMode.UP)
                .map { exact.round(MathContext(precision, it)) }
                .filter { it.toDouble() == value }
                .minByOrNull { it.subtract(exact).abs() }
        if (near != null) return near
    }
    return exact.round(MathContext(17, RoundingMode.HALF_EVEN))
}

private const val MIN_NORMAL = 2.2250738585072014E-308
