package dev.slipstream.scripted

import dev.slipstream.repository
import dev.slipstream.sampling.splitmix
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import kotlin.io.path.readLines
import kotlin.io.path.readText

class FuzzTest {
    private val spec = repository.resolve("runtime_spec/vectors")

    @Test
    fun `ten thousand scenarios fold into the digest that Python prints`() {
        assertEquals(spec.resolve("digest.txt").readText().trim(), digest())
    }

    @Test
    fun `scenario 0 is the one that the specification prints`() {
        val lines = ArrayList<String>()
        scenarioLines(0, lines::add)
        val documented =
            spec
                .resolveSibling("TRACES.md")
                .readLines()
                .dropWhile { it != "```jsonl" }
                .drop(1)
        val shown = documented.takeWhile { it != "```" }
        assertEquals(shown, lines.take(shown.size))
    }

    @Test
    fun `the hash is SplitMix64`() {
        assertEquals(-0x1ddf57c684e23251L, splitmix(0))
    }
}
