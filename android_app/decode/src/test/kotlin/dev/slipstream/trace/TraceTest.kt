package dev.slipstream.trace

import dev.slipstream.errors.TraceException
import dev.slipstream.scripted.scenario
import dev.slipstream.scripted.scriptedPair
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

class TraceTest {
    private val header =
        """{"format":"slipstream-trace","version":2,"name":"t \"é\"","capacity":9,"verify_widths":[1,3],""" +
            """"num_draft_tokens":2,"stop_tokens":[0],"sampling":null,"ngram":false,"exact_drafts":false,"tolerance":0.250000,""" +
            """"turns":[{"prompt_tokens":[1,2],"from_start":false,"max_new_tokens":3,"cancel_at":null}]}"""
    private val round =
        """{"index":0,"position":0,"bonus_token":-1,"fills":0,"draft_tokens":[],"draft_source":null,"verify_width":0,""" +
            """"target_tokens":[7],"num_accepted":0,"emitted_tokens":[7],"cache_length":2,"stop_reason":"cache_full","margins":[0.125000]}"""

    @Test
    fun `what is written is what was read`() {
        val text = "${header.replace("é", "\\u00e9")}\n$round\n"
        assertEquals(text + text, readTraces(text + text, "t").joinToString("", transform = ::traceText))
    }

    @Test
    fun `every scripted trace survives writing and reading, with margins`() {
        for (number in 0 until 200) {
            val (header, script) = scenario(number)
            val (target, drafter) = scriptedPair(script, header.capacity, header.verifyWidths, header.sampling)
            val text =
                try {
                    traceText(Trace(header, recordWithMargins(header, target, drafter)))
                } catch (_: Exception) {
                    continue
                }
            assertEquals(text, traceText(readTraces(text, "t").single()))
        }
    }

    @Test
    fun `decimals are rounded from the exact binary value, to even`() {
        assertEquals("0.000000", decimal(0.0000005))
        assertEquals("0.000002", decimal(0.0000015))
        assertEquals("1.000000", decimal(0.9999999))
        assertEquals("0.500000", decimal(0.5))
    }

    @ParameterizedTest
    @ValueSource(
        strings = [
            "index", "position", "bonus_token", "fills", "draft_tokens", "draft_source", "verify_width", "target_tokens",
            "num_accepted", "emitted_tokens", "cache_length", "stop_reason",
        ],
    )
    fun `a missing or odd field is named`(field: String) {
        val missing = round.replace("\"$field\":", "\"other\":")
        val odd = round.replace(Regex("\"$field\":(null|\"[a-z_]*\"|-?\\d+|\\[\\d*])"), "\"$field\":{}")
        for (line in listOf(missing, odd)) {
            val error = assertThrows<TraceException> { readTraces("$header\n$line\n", "file") }
            assertTrue(field in error.message!! && "file, line 2" in error.message!!, error.message)
        }
    }

    @ParameterizedTest
    @ValueSource(strings = ["", "{", "[]", "{\"format\":\"slipstream-trace\"}", "1"])
    fun `what is no trace is refused`(text: String) {
        assertThrows<TraceException> { readTraces(text, "file") }
    }

    @Test
    fun `rounds come in order, behind a header`() {
        assertThrows<TraceException> { readTraces("$round\n$header\n", "file") }
        assertThrows<TraceException> { readTraces("$header\n$round\n$round\n", "file") }
    }
}
