package dev.slipstream.tokenizer

import androidx.collection.MutableIntList
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Test
import kotlin.random.Random

class StreamingDetokenizerTest {
    private val small = tokenizer(smallJson(added = listOf(addedToken("<s>", FIRST_ADDED, "special"))))

    private fun pieces(
        vararg tokens: Int,
        skip: Boolean = false,
    ): List<String> {
        val stream = small.streamingDetokenizer(skip)
        return tokens.map(stream::append) + stream.finish()
    }

    private fun byte(value: Int) = FIRST_BYTE + value

    @Test
    fun `ordinary tokens are text at once`() {
        assertEquals(listOf("abc", " a", "<s>", ""), pieces(7, 8, FIRST_ADDED))
    }

    @Test
    fun `bytes wait for the token that ends their run`() {
        assertEquals(listOf("", "", "éa", ""), pieces(byte(0xC3), byte(0xA9), 1))
    }

    @Test
    fun `a character that is complete waits too, as the next byte may spoil it`() {
        assertEquals(listOf("", "", "", "\uFFFD\uFFFD\uFFFDa", ""), pieces(byte(0xC3), byte(0xA9), byte(0xFF), 1))
    }

    @Test
    fun `the end gives what still waits`() {
        assertEquals(listOf("", "", "é"), pieces(byte(0xC3), byte(0xA9)))
        assertEquals(listOf("", "\uFFFD"), pieces(byte(0xFF)))
    }

    @Test
    fun `a character that is cut at the end is left out`() {
        for (text in listOf("é", "€", "😀", "\uD7FF", "\u0800", "\uDBFF\uDFFF", "\uD800\uDC00")) {
            val bytes = text.toByteArray().map { byte(it.toInt() and 0xFF) }.toIntArray()
            for (count in 1 until bytes.size) {
                assertEquals("aé", pieces(1, byte(0xC3), byte(0xA9), *bytes.copyOf(count)).joinToString(""))
            }
        }
        // No character begins so: an overlong form, a surrogate, a place behind the last.
        for (bytes in listOf(intArrayOf(0xE0, 0x80), intArrayOf(0xED, 0xA0), intArrayOf(0xF4, 0x90))) {
            assertEquals("\uFFFD\uFFFD", pieces(*bytes.map(::byte).toIntArray()).joinToString(""))
        }
    }

    @Test
    fun `skipped and unknown tokens end no run`() {
        assertEquals(listOf("", "", "", "", "é"), pieces(byte(0xC3), FIRST_ADDED, 9999, byte(0xA9), skip = true))
    }

    @Test
    fun `the pieces joined are the decoded whole, and no piece cuts a character`() {
        val random = Random(1)
        repeat(2_000) {
            val tokens = MutableIntList()
            repeat(random.nextInt(12)) {
                when (random.nextInt(3)) {
                    0 -> tokens.add(random.nextInt(FIRST_ADDED + 2))
                    1 -> "😀é€".toByteArray().forEach { tokens.add(byte(it.toInt() and 0xFF)) }
                    else -> tokens.add(byte(random.nextInt(128, 256)))
                }
            }
            tokens.add(1)
            val stream = small.streamingDetokenizer()
            val pieces = ArrayList<String>()
            tokens.forEach { pieces.add(stream.append(it)) }
            pieces.add(stream.finish())
            assertEquals(small.decode(tokens), pieces.joinToString(""))
            assertFalse(pieces.any { it.firstOrNull()?.isLowSurrogate() == true })
        }
    }

    @Test
    fun `a long reply and a long run take time in proportion`() {
        val stream = small.streamingDetokenizer()
        repeat(300_000) { stream.append(1) }
        repeat(300_000) { stream.append(byte(0x41)) }
        assertEquals(300_000, stream.finish().length)
    }
}
