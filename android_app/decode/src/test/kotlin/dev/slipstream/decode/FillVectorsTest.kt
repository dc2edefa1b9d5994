package dev.slipstream.decode

import androidx.collection.MutableIntList
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.parseStrictJson
import dev.slipstream.repository
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import kotlin.io.path.readText

/** fills.json, pass after pass as runtime_spec/vectors/fills.py asks. */
class FillVectorsTest {
    private val cases = parseStrictJson(repository.resolve("runtime_spec/vectors/fills.json").readText()) as List<*>

    @Test
    fun `every prompt is filled by the recorded passes`() {
        for (case in cases) {
            case as Map<*, *>
            val lengths = integers(case["prefill_lengths"])
            var left = integer(case["num_tokens"])
            var room = integer(case["room"])
            for (width in integers(case["widths"]).asSequence()) {
                assertEquals(width, fillWidth(left, room, lengths)) { "$left tokens into $room slots: $case" }
                left -= width
                room -= width
            }
        }
        assertEquals(357, cases.size)
    }

    private fun integers(value: Any?) = MutableIntList().apply { (value as List<*>).forEach { add(integer(it)) } }

    private fun MutableIntList.asSequence() = (0 until size).asSequence().map { this[it] }

    private fun integer(value: Any?) = checkNotNull((value as JsonNumber).toIntOrNull())
}
