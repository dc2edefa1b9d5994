package dev.slipstream.trace

import dev.slipstream.errors.TraceException
import dev.slipstream.sampling.Sampling
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
            """"num_draft_tokens":2,"stop_tokens":[0],"sampling":null,"ngram":false,"exact_drafts":false,""" +
            """"tolerance":0.250000,"turns":[{"prompt_tokens":[1,2],"from_start":false,"max_new_tokens":3,"cancel_at":null}]}"""
    private val round =
        """{"index":0,"position":0,"bonus_token":-1,"fills":0,"draft_tokens":[],"draft_source":null,""" +
            """"verify_width":0,"target_tokens":[7],"num_accepted":0,"emitted_tokens":[7],"cache_length":2,""" +
            """"stop_reason":"cache_full","margins":[0.125000]}"""

    @Test
    fun `what is written is what was read`() {
        val text = "${header.replace("é", "\\u00e9")}\n$round\n"
        assertEquals(text + text, readTraces(text + text, "t").joinToString("", transform = ::traceText))
    }

    private val sampling =
        """{"temperature":0.700000,"top_k":64,"top_p":0.950000,"min_p":0.000001,"repetition_penalty":1.100000,""" +
            """"repetition_window":9,"seed":9223372036854775807,"drafts":"greedy"}"""
    private val sampled = header.replace("\"sampling\":null,\"ngram\":false", "\"sampling\":$sampling,\"ngram\":true")
    private val drafted =
        """{"index":0,"position":1,"bonus_token":3,"fills":0,"draft_tokens":[7,8],"draft_source":"ngram",""" +
            """"verify_width":3,"target_tokens":[6],"num_accepted":0,"emitted_tokens":[6],"cache_length":2,""" +
            """"stop_reason":null}"""

    @Test
    fun `a sampled trace is written as it was read, and a pass may say less than a greedy one`() {
        val text = "${sampled.replace("é", "\\u00e9")}\n$drafted\n"
        assertEquals(text, readTraces(text, "t").joinToString("", transform = ::traceText))
        assertThrows<TraceException> { readTraces("$header\n$drafted\n", "t") }
        for (said in listOf("6,7,8,9", "6,7,8,9,10")) {
            assertThrows<TraceException> { readTraces(text.replace("[6],\"num", "[$said],\"num"), "t") }
        }
    }

    @Test
    fun `a draft source without drafts, and drafts without one, are refused`() {
        val without = drafted.replace("\"ngram\"", "null")
        val unasked = round.replace("\"draft_source\":null", "\"draft_source\":\"drafter\"")
        for (line in listOf(without, unasked)) assertThrows<TraceException> { readTraces("$sampled\n$line\n", "t") }
    }

    @ParameterizedTest
    @ValueSource(
        strings = [
            "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "repetition_window", "seed", "drafts",
        ],
    )
    fun `a parameter of sampling that is missing or not allowed is named`(field: String) {
        val missing = sampled.replace("\"$field\":", "\"other\":")
        val odd = sampled.replace(Regex("\"$field\":(\"[a-z]*\"|[0-9.]+)"), "\"$field\":-1")
        for (line in listOf(missing, odd)) {
            val error = assertThrows<TraceException> { readTraces("$line\n", "file") }
            assertTrue(field in error.message!! && "file, line 1, sampling" in error.message!!, error.message)
        }
        val beyond = sampled.replace("0.950000", "1.000001")
        assertTrue("top_p" in assertThrows<TraceException> { readTraces("$beyond\n", "file") }.message!!)
    }

    @Test
    fun `a number that six digits do not hold is not written`() {
        val header = readTraces("$sampled\n", "t").single().header
        for (wrong in listOf(Sampling(temperature = 0.1234567), Sampling(topP = 1 / 3.0))) {
            val other =
                TraceHeader("t", 9, header.verifyWidths, 2, header.stopTokens, wrong, false, true, 0.0, header.turns)
            assertThrows<TraceException> { headerLine(other) }
        }
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
            "index", "position", "bonus_token", "fills", "draft_tokens", "draft_source", "verify_width",
            "target_tokens", "num_accepted", "emitted_tokens", "cache_length", "stop_reason",
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
