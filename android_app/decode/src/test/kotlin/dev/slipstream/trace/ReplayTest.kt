package dev.slipstream.trace

import androidx.collection.intListOf
import dev.slipstream.decode.Round
import dev.slipstream.errors.TraceException
import dev.slipstream.scripted.DrafterScript
import dev.slipstream.scripted.Script
import dev.slipstream.scripted.scriptedPair
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class ReplayTest {
    private val script =
        Script(seed = 5, vocab = 40, fillLength = 0, DrafterScript(seed = 6, hitPercent = 60, fewerPercent = 0))
    private val turns = listOf(Turn(intListOf(1, 2, 3), 30), Turn(intListOf(4), 20))

    private fun golden(
        tolerance: Double = 0.5,
        exactDrafts: Boolean = false,
    ): Trace {
        val header =
            TraceHeader("golden", 90, intListOf(1, 3, 5), 4, intListOf(), null, false, exactDrafts, tolerance, turns)
        val (target, drafter) = scriptedPair(script, 90, header.verifyWidths)
        return Trace(header, recordWithMargins(header, target, drafter))
    }

    private fun play(
        trace: Trace,
        other: Script = script,
        capacity: Int = 100,
    ): ReplayReport {
        val (target, drafter) = scriptedPair(other, capacity, intListOf(1, 3, 5, 8))
        return replay(trace, target, drafter)
    }

    @Test
    fun `a larger cache and more widths replay the same rounds`() {
        val trace = golden()
        val report = play(trace)
        assertEquals(listOf(trace.rounds.size, 0, 0), listOf(report.rounds, report.targetForks, report.draftForks))
    }

    @Test
    fun `a smaller cache does not fit`() {
        assertThrows<TraceException> { play(golden(), capacity = 89) }
    }

    @Test
    fun `a target token may differ below its margin only`() {
        val trace = golden()
        val at = trace.rounds.indexOfFirst { it.verifyWidth > 0 }
        for ((margin, isAllowed) in listOf(0.49 to true, 0.5 to false)) {
            val rounds = trace.rounds.map(Round::copy)
            val last = rounds[at].targetTokens.size - 1
            // The last token of a pass is not fed back when a draft before it was rejected: only it is changed.
            if (rounds[at].numAccepted == last) continue
            val wanted = androidx.collection.MutableIntList().apply { addAll(rounds[at].targetTokens) }
            wanted[last] = (wanted[last] + 1) % 40
            rounds[at].targetTokens = wanted
            rounds[at].margins = rounds[at].margins!!.map { margin }
            val changed = Trace(trace.header, rounds)
            if (isAllowed) {
                assertEquals(1, play(changed).targetForks)
            } else {
                val error = assertThrows<TraceException> { play(changed) }
                assertTrue("round $at, field target_tokens[$last]" in error.where, error.where)
            }
        }
    }

    @Test
    fun `another drafter is a fork a round, or an error where drafts are exact`() {
        val other = Script(5, 40, 0, DrafterScript(seed = 7, hitPercent = 10, fewerPercent = 0))
        assertTrue(play(golden(), other).draftForks > 0)
        assertThrows<TraceException> { play(golden(exactDrafts = true), other) }
    }

    @Test
    fun `another target is found in its first round`() {
        val error = assertThrows<TraceException> { play(golden(tolerance = 0.0), Script(6, 40, 0, script.drafter)) }
        assertTrue("round 0" in error.where, error.where)
    }

    @Test
    fun `a trace that is cut short is noticed`() {
        val trace = golden()
        assertThrows<TraceException> { play(Trace(trace.header, trace.rounds.dropLast(1))) }
    }
}
