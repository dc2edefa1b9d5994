package dev.slipstream.bundle

import dev.slipstream.json.JsonNumber
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource
import kotlin.random.Random

class NumbersTest {
    // The right column is what Python's repr prints. 2.0E-3 and 2^-44 are those that JDK 17 itself spells too long.
    @ParameterizedTest
    @CsvSource(
        "1.0, 1.0",
        "100.0, 100.0",
        "0.1, 0.1",
        "-1.5E-7, -1.5e-07",
        "2.0E-3, 0.002",
        "1.0E-4, 0.0001",
        "1.0E-5, 1e-05",
        "1.0E15, 1000000000000000.0",
        "1.0E16, 1e+16",
        "1.2345678901234567E19, 1.2345678901234567e+19",
        "2.0E23, 2e+23",
        "5.684341886080802E-14, 5.684341886080802e-14",
        "4.9E-324, 5e-324",
        "1.7976931348623157E308, 1.7976931348623157e+308",
        "2.2250738585072014E-308, 2.2250738585072014e-308",
        "9007199254740993.0, 9007199254740992.0",
    )
    fun `a double is spelled as briefly as it can be read back`(
        value: Double,
        text: String,
    ) {
        assertEquals(text, spellDouble(value))
    }

    @Test
    fun `whatever the bits are it reads back`() {
        val random = Random(1)
        repeat(2000) {
            val value = Double.fromBits(random.nextLong())
            val text = spellDouble(value)
            if (value.isFinite()) assertEquals(value, text.toDouble())
        }
        val odd = listOf(Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, -0.0)
        assertEquals(listOf("nan", "inf", "-inf", "-0.0"), odd.map(::spellDouble))
    }

    @Test
    fun `an integer beyond 64 bits is the end of their range`() {
        val numbers = listOf("9".repeat(400), "-" + "9".repeat(400), "7").map { JsonNumber(it).toSaturatedLong() }
        assertEquals(listOf(Long.MAX_VALUE, Long.MIN_VALUE, 7), numbers)
    }
}
