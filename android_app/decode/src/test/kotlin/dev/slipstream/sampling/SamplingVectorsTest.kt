package dev.slipstream.sampling

import dev.slipstream.repository
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import kotlin.io.path.readText

class SamplingVectorsTest {
    @Test
    fun `every step gives the recorded bits`() {
        assertNull(firstSamplingDifference(repository.resolve("runtime_spec/vectors/sampling.json").readText()))
    }
}
