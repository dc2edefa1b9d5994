package dev.slipstream.sampling

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.intListOf
import androidx.collection.mutableIntListOf
import dev.slipstream.errors.RuntimeLibraryException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.nio.FloatBuffer
import kotlin.math.abs

class SamplerTest {
    private val drawing = Sampling(temperature = 1.0, drafts = DraftChoice.DRAWN)

    private fun rows(vararg logits: Float): FloatBuffer = FloatBuffer.wrap(logits)

    private fun Sampler.say(
        rows: FloatBuffer,
        tokens: IntList,
        position: Int,
    ): IntList {
        wrote(tokens, position)
        return MutableIntList().also { targetTokens(rows, rows.capacity() / tokens.size, tokens, position, it) }
    }

    @Test
    fun `greedy, every row is said`() {
        assertEquals(intListOf(1, 0, 1), Sampler().say(rows(0f, 1f, 3f, 2f, 4f, 5f), intListOf(0, 0, 0), 4))
    }

    @Test
    fun `what is drawn ends behind the first that is not the draft, and no later row is looked at`() {
        val rows = rows(0f, 99f, 99f, 0f, Float.NaN, 0f)
        assertEquals(intListOf(1, 0), Sampler(drawing).say(rows, intListOf(0, 1, 1), 4))
        assertThrows<RuntimeLibraryException> { Sampler().say(rows, intListOf(0, 1, 1), 4) }
    }

    @Test
    fun `every row is looked at where the drafts were drawn, if each of them was`() {
        val rows = rows(0f, 99f, 99f, 0f, Float.NaN, 0f)
        val drafter = rows(0f, 99f)
        val drafted = List(2) { Sampler(drawing).apply { beginDrafts(0, 4) } }
        for (sampler in drafted) repeat(2) { assertEquals(1, sampler.draftToken(drafter, 2, wantsConfidence = false)) }
        assertThrows<RuntimeLibraryException> { drafted[0].say(rows, intListOf(0, 1, 1), 4) }
        // The second draft is another: neither has a q, and the first row says 1, the second 0.
        assertEquals(0, drafted[1].say(rows(0f, 99f, 99f, 0f, 0f, 0f), intListOf(0, 1, 0), 4)[1])
    }

    @Test
    fun `drafts of a drafter that is the target are all kept`() {
        val row = FloatArray(50) { it * 7919 % 50 / 20f }
        val pass = rows(*row, *row, *row, *row)
        for (seed in 0L until 100L) {
            val sampler = Sampler(drawing.copy(seed = seed)).apply { beginDrafts(0, 4) }
            val drafts = List(3) { sampler.draftToken(rows(*row), 50, wantsConfidence = false) }
            val said = sampler.say(pass, mutableIntListOf(0, *drafts.toIntArray()), 4)
            assertEquals(drafts, List(3) { said[it] })
        }
    }

    @Test
    fun `a logit that is no finite number is an error that names its slot, selected, sorted or drafted`() {
        for (wrong in listOf(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)) {
            for (sampling in listOf(drawing, drawing.copy(topK = 2), Sampling(drafts = DraftChoice.GREEDY))) {
                for (row in listOf(rows(wrong, 1f, 2f), rows(1f, wrong, 2f), rows(1f, 2f, wrong))) {
                    val error = assertThrows<RuntimeLibraryException> { Sampler(sampling).say(row, intListOf(1), 7) }
                    assertTrue("cache slot 7" in error.where, error.where)
                    val sampler = Sampler(sampling).apply { beginDrafts(1, 7) }
                    val drafting = assertThrows<RuntimeLibraryException> { sampler.draftToken(row, 3, true) }
                    assertTrue("cache slot 7" in drafting.where, drafting.where)
                }
            }
        }
    }

    @Test
    fun `a logit that the penalty makes infinite is an error`() {
        val sampler = Sampler(Sampling(repetitionPenalty = 1e-30, repetitionWindow = 4))
        assertThrows<RuntimeLibraryException> { sampler.say(rows(1e20f, 0f), intListOf(0), 0) }
    }

    @Test
    fun `slots that nobody told of and tokens that have no logit are not penalised`() {
        val sampler = Sampler(Sampling(repetitionPenalty = 9.0, repetitionWindow = 99))
        assertEquals(intListOf(0), sampler.say(rows(2f, 1f), intListOf(7), 5))
        assertEquals(intListOf(1), sampler.say(rows(2f, 1f), intListOf(0), 6))
        // The token in slot 6 is another one now.
        assertEquals(intListOf(0), sampler.say(rows(2f, 1f), intListOf(5), 6))
    }

    @Test
    fun `a penalty leaves the model's own row as it was`() {
        val rows = rows(2f, 1f)
        Sampler(Sampling(repetitionPenalty = 9.0, repetitionWindow = 9)).say(rows, intListOf(0), 0)
        assertEquals(rows(2f, 1f), rows.rewind())
    }

    @Test
    fun `a draft is judged by what it was drawn from in its own round only`() {
        val even = rows(*FloatArray(50))
        val seeds = 0L until 200L
        val judged = seeds.map { drafted(it, even) { } }
        val written = seeds.map { drafted(it, even) { forgetDrafts() } }
        val again = seeds.map { seed -> drafted(seed, even) { beginDrafts(0, 1) } }
        // From the same distribution every drawn draft is kept; without it one of 50 is what the target draws.
        assertEquals(200, judged.count { it })
        assertTrue(written.count { it } in 0..15)
        assertEquals(written, again)
    }

    /** Whether a target that has the row of its drafter says the draft. */
    private fun drafted(
        seed: Long,
        row: FloatBuffer,
        between: Sampler.() -> Unit,
    ): Boolean {
        val sampler = Sampler(drawing.copy(seed = seed))
        sampler.beginDrafts(0, 1)
        val draft = sampler.draftToken(row, 50, wantsConfidence = false)
        sampler.between()
        val two = FloatBuffer.allocate(100)
        return sampler.say(two, intListOf(0, draft), 1)[0] == draft
    }

    @Test
    fun `drawn drafts leave the tokens distributed as the target's`() {
        val target = rows(0f, 1f, 2f, -1f, 0.5f, 0f, 0f, 0f, 0f, 0f)
        val counts = IntArray(5)
        for (seed in 0L until 20_000L) {
            val sampler = Sampler(drawing.copy(seed = seed))
            sampler.beginDrafts(0, 1)
            val draft = sampler.draftToken(rows(2f, 1f, 0f, 0f, -3f), 5, wantsConfidence = false)
            counts[sampler.say(target, intListOf(0, draft), 1)[0]] += 1
        }
        val weights = List(5) { kotlin.math.exp(target[it].toDouble()) }
        for (token in counts.indices) {
            // Four standard deviations are 0.014 at most.
            val share = weights[token] / weights.sum()
            assertTrue(abs(counts[token] / 20_000.0 - share) < 0.014, "token $token: ${counts[token]}, $share")
        }
    }

    @Test
    fun `a seed says the same tokens without drafts as with greedy ones`() {
        val sampling = Sampling(temperature = 1.0, seed = 5, drafts = DraftChoice.GREEDY)
        val logits = rows(0f, 1f, 2f, 2f, 1f, 0f)
        val plain = List(30) { Sampler(sampling).say(rows(0f, 1f, 2f), intListOf(1), it)[0] }
        for (slot in 0 until 29) {
            val said = Sampler(sampling).say(logits, intListOf(1, plain[slot]), slot)
            assertEquals(2, said.size)
            assertEquals(plain[slot], said[0])
        }
        assertNotEquals(1, plain.distinct().size)
    }

    @Test
    fun `confidence is the draft's probability, and only computed if asked for`() {
        val row = rows(1f, 1f, 1f, 1f, 1f, 1f, 1f, 1f, 1f, 1f)
        val greedy = Sampler().apply { beginDrafts(0, 1) }
        assertEquals(0, greedy.draftToken(row, 10, wantsConfidence = false))
        assertEquals(0.0, greedy.confidence)
        assertEquals(0, greedy.draftToken(row, 10, wantsConfidence = true))
        assertEquals(0.125, greedy.confidence)
        val drawn = Sampler(drawing.copy(topK = 4)).apply { beginDrafts(0, 1) }
        drawn.draftToken(row, 10, wantsConfidence = true)
        assertEquals(0.25, drawn.confidence)
    }
}
