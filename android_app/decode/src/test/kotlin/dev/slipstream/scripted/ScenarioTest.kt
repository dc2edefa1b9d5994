package dev.slipstream.scripted

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.decode.Round
import dev.slipstream.errors.TraceException
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.parseStrictJson
import dev.slipstream.repository
import dev.slipstream.trace.Trace
import dev.slipstream.trace.readHeader
import dev.slipstream.trace.readRound
import dev.slipstream.trace.record
import dev.slipstream.trace.replay
import dev.slipstream.trace.roundLine
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import java.nio.file.Path
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.name
import kotlin.io.path.readText

class ScenarioTest {
    private class Scenario(
        val trace: Trace,
        val script: Script,
    ) {
        fun pair() = scriptedPair(script, trace.header.capacity, trace.header.verifyWidths, trace.header.sampling)
    }

    @ParameterizedTest
    @MethodSource("files")
    fun `every round of a scenario is the recorded one`(file: Path) {
        val scenario = read(file)
        val (target, drafter) = scenario.pair()
        val rounds = record(scenario.trace.header, target, drafter)
        assertEquals(scenario.trace.rounds.map(::roundLine), rounds.map(::roundLine))
        val (again, itsDrafter) = scenario.pair()
        assertEquals(rounds.size, replay(scenario.trace, again, itsDrafter).rounds)
    }

    @ParameterizedTest
    @MethodSource("files")
    fun `a scenario with any recorded token changed is refused`(file: Path) {
        val scenario = read(file)
        val rounds = scenario.trace.rounds
        for (i in rounds.indices) {
            val wrong = rounds.map(Round::copy)
            wrong[i].cacheLength += 1
            val (target, drafter) = scenario.pair()
            val error = assertThrows<TraceException> { replay(Trace(scenario.trace.header, wrong), target, drafter) }
            assertTrue("round $i, field cache_length" in error.where, error.where)
        }
    }

    @Test
    fun `all scenarios are found`() {
        assertTrue(files().size >= 19, "${files()}")
    }

    private fun read(file: Path): Scenario {
        val raw = parseStrictJson(file.readText()) as Map<*, *>
        val header = readHeader(raw["header"], file.name)
        val rounds = (raw["rounds"] as List<*>).map { readRound(it, header, file.name) }
        return Scenario(Trace(header, rounds), script(raw["script"] as Map<*, *>))
    }

    private fun script(raw: Map<*, *>): Script {
        val drafter =
            (raw["drafter"] as Map<*, *>?)?.let {
                DrafterScript(it.long("seed"), it.long("hit_percent").toInt(), it.long("fewer_percent").toInt())
            }
        val logits =
            (raw["logits"] as Map<*, *>).entries.associate { (slot, row) ->
                (slot as String).toInt() to integers(row as List<*>)
            }
        return Script(raw.long("seed"), raw.long("vocab").toInt(), raw.long("fill_length").toInt(), drafter, logits)
    }

    private fun integers(row: List<*>): IntList =
        MutableIntList().also { list -> row.forEach { list.add((it as JsonNumber).literal.toInt()) } }

    private fun Map<*, *>.long(key: String) = (get(key) as JsonNumber).literal.toLong()

    private companion object {
        @JvmStatic
        fun files(): List<Path> {
            val folder = repository.resolve("runtime_spec/vectors/scenarios")
            return folder.listDirectoryEntries("*.json").sorted()
        }
    }
}
