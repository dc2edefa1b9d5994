package dev.slipstream.draft

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.emptyIntList
import androidx.collection.intListOf
import com.sun.management.ThreadMXBean
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource
import java.lang.management.ManagementFactory
import kotlin.random.Random

class NgramIndexTest {
    /** As DECODE.md defines them: the whole text is searched, nothing is remembered. */
    private fun searched(
        text: IntList,
        count: Int,
    ): String {
        val last = text.size - 1
        for (n in 5 downTo 2) {
            val end =
                (last - 1 downTo n - 1).firstOrNull { end ->
                    (0 until n).all { text[end - it] == text[last - it] }
                }
            if (end == null) continue
            val followed = MutableIntList().apply { addAll(text) }
            repeat(count) { followed.add(followed[end + 1 + it]) }
            return line(n, MutableIntList().apply { for (i in 0 until count) add(followed[last + 1 + i]) })
        }
        return line(0, emptyIntList())
    }

    @ParameterizedTest
    @ValueSource(ints = [1, 2, 3, 4, 10])
    fun `texts that grow, shrink and are edited match as the definition says`(alphabet: Int) {
        for (seed in 0 until 40) {
            val draw = Random(seed * 31 + alphabet)
            val index = NgramIndex(CAPACITY)
            val text = MutableIntList().apply { add(0) }
            repeat(120) {
                change(text, draw, alphabet)
                val count = draw.nextInt(10)
                assertEquals(searched(text, count), asked(index, text, count)) { "$text" }
            }
        }
    }

    private fun change(
        text: MutableIntList,
        draw: Random,
        alphabet: Int,
    ) {
        when (draw.nextInt(6)) {
            0, 1 -> repeat(1 + draw.nextInt(6)) { text.add(draw.nextInt(alphabet)) }
            2 -> draw.nextInt(text.size).let { begin -> repeat(1 + draw.nextInt(20)) { text.add(text[begin + it]) } }
            3 -> text.removeRange(1 + draw.nextInt(text.size), text.size)
            4 -> text[draw.nextInt(text.size)] = draw.nextInt(alphabet)
        }
        if (text.size > CAPACITY) text.removeRange(CAPACITY / 2, text.size)
    }

    @ParameterizedTest
    @ValueSource(ints = [1, 2, 3, 4, 5, 6, 7, 11])
    fun `a periodic text is drafted on for ever`(period: Int) {
        val index = NgramIndex(100)
        val text = intListOf(200, 201).let { MutableIntList().apply { addAll(it) } }
        repeat(4 * period + 5) {
            text.add(it % period)
            assertEquals(searched(text, 3 * period), asked(index, text, 3 * period))
        }
        val next = text.size - 2
        index.drafts(80).forEachIndexed { i, token -> assertEquals((next + i) % period, token) }
    }

    @Test
    fun `one token repeated matches ever longer up to five`() {
        val index = NgramIndex(8)
        val text = MutableIntList()
        val found = List(8) { asked(index, text.apply { add(7) }, 2) }
        val lengths = listOf(0, 0, 2, 3, 4, 5, 5, 5)
        assertEquals(lengths.map { line(it, if (it == 0) intListOf() else intListOf(7, 7)) }, found)
    }

    @Test
    fun `a cache with one free slot is the longest text`() {
        val index = NgramIndex(4)
        assertEquals(2, index.match(intListOf(1, 2, 1), 2))
        assertThrows<IllegalArgumentException> { index.match(intListOf(1, 2, 1, 2), 1) }
        assertEquals(2, index.match(intListOf(1, 2, 1), 2))
        assertEquals(0, NgramIndex(1).match(intListOf(), 1))
    }

    @Test
    fun `no drafts before a match`() {
        assertEquals(0, NgramIndex(4).drafts(4).size)
    }

    @Test
    fun `nothing is allocated after construction`() {
        val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
        val index = NgramIndex(2_048)
        val cached = MutableIntList(2_048)
        val draw = Random(1)
        val tokens = IntArray(1_000) { draw.nextInt(30) }
        var found = 0

        fun rounds() {
            for (token in tokens) {
                cached.add(token)
                found += index.match(cached, token) + index.drafts(8).size
            }
            cached.removeRange(100, cached.size)
        }
        repeat(50) { rounds() }
        val begin = threads.currentThreadAllocatedBytes
        repeat(20) { rounds() }
        val bytes = threads.currentThreadAllocatedBytes - begin
        assertTrue(found > 100_000, "$found")
        // Reading the counter may itself allocate some bytes, once.
        assertTrue(bytes < 2_000, "$bytes bytes in 20,000 rounds")
    }

    private companion object {
        const val CAPACITY = 200
    }
}
