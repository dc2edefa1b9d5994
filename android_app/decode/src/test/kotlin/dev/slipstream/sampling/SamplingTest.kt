package dev.slipstream.sampling

import dev.slipstream.errors.UsageException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class SamplingTest {
    @Test
    fun `without parameters everything is greedy`() {
        assertTrue(Sampling().isGreedy)
        assertTrue(Sampling(repetitionPenalty = 1.3).isGreedy)
        assertTrue(Sampling(repetitionWindow = 9).isGreedy)
        assertEquals(false, Sampling(repetitionPenalty = 1.3, repetitionWindow = 9).isGreedy)
        assertEquals(false, Sampling(temperature = 0.1).isGreedy)
    }

    @Test
    fun `a parameter that is not allowed is named, with what was found`() {
        val wrong =
            mapOf<String, () -> Sampling>(
                "temperature -0.1" to { Sampling(temperature = -0.1) },
                "temperature NaN" to { Sampling(temperature = Double.NaN) },
                "temperature Infinity" to { Sampling(temperature = Double.POSITIVE_INFINITY) },
                "top_k -1" to { Sampling(topK = -1) },
                "top_p 0.0" to { Sampling(topP = 0.0) },
                "top_p 1.01" to { Sampling(topP = 1.01) },
                "top_p NaN" to { Sampling(topP = Double.NaN) },
                "min_p 1.0" to { Sampling(minP = 1.0) },
                "min_p -0.1" to { Sampling(minP = -0.1) },
                "repetition_penalty 0.0" to { Sampling(repetitionPenalty = 0.0) },
                "repetition_penalty Infinity" to { Sampling(repetitionPenalty = Double.POSITIVE_INFINITY) },
                "repetition_window -2" to { Sampling(repetitionWindow = -2) },
                "seed -1" to { Sampling(seed = -1) },
            )
        for ((name, make) in wrong) {
            val (parameter, value) = name.split(' ')
            val error = assertThrows<UsageException>(name) { make() }
            assertEquals("sampling, $parameter" to value, error.where to error.found)
        }
    }

    @Test
    fun `the ends of what is allowed are allowed`() {
        Sampling(0.0, Int.MAX_VALUE, 1.0, 0.0, 1e-9, Int.MAX_VALUE, Long.MAX_VALUE)
        Sampling(1e9, 0, 1e-9, 0.999, 1e9, 0, 0)
    }
}
