package dev.slipstream.tokenizer

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class AddedTokensTest {
    private fun with(vararg tokens: String) = tokenizer(smallJson(added = tokens.toList()))

    private val first = FIRST_ADDED
    private val second = FIRST_ADDED + 1

    @Test
    fun `an added token cuts the text where it is spelled out`() {
        assertEquals(ids(1, first, 2), with(addedToken("<x>", first)).encode("a<x>b"))
    }

    @Test
    fun `of tokens that begin alike the longest is taken, whatever their order`() {
        val tokens = with(addedToken("<x", first), addedToken("<x><y>", second))
        assertEquals(ids(second), tokens.encode("<x><y>"))
        assertEquals(ids(first, 1), tokens.encode("<xa"))
    }

    @Test
    fun `the leftmost is taken before a longer one further right`() {
        val tokens = with(addedToken("xy", first), addedToken("yzzz", second))
        assertEquals(ids(first) + bytes("zzz"), tokens.encode("xyzzz"))
    }

    @Test
    fun `stripping tokens take the white space beside them along`() {
        assertEquals(ids(1, first, 8), with(addedToken("<x>", first, "lstrip")).encode("a \n<x> a"))
        assertEquals(ids(1, 4, first, 1), with(addedToken("<x>", first, "rstrip")).encode("a <x>\u3000\ta"))
    }

    @Test
    fun `white space between two of them is taken once`() {
        val tokens = with(addedToken("<l>", first, "lstrip"), addedToken("<r>", second, "rstrip"))
        assertEquals(ids(second, first), tokens.encode("<r>  <l>"))
    }

    @Test
    fun `a token for single words is none inside a word`() {
        val tokens = with(addedToken("cc", first, "single_word"))
        assertEquals(ids(first), tokens.encode("cc"))
        assertEquals(ids(4, first, 4), tokens.encode(" cc "))
        assertEquals(ids(3, 3, 1), tokens.encode("cca"))
        assertEquals(ids(3, 3) + bytes("\u0301"), tokens.encode("cc\u0301"))
        assertEquals(ids(first) + bytes("-"), tokens.encode("cc-"))
    }

    @Test
    fun `a normalized token is found by its normalised form`() {
        val tokens = with(addedToken("a c", first, "normalized"), addedToken("c a", second))
        assertEquals(ids(first), tokens.encode("a c"))
        assertEquals(ids(first), tokens.encode("a▁c"))
        assertEquals(ids(second), tokens.encode("c a"))
        assertEquals(ids(3, 8), tokens.encode("c▁a"))
        assertEquals("a c", tokens.decode(ids(first)))
    }

    @Test
    fun `tokens of the text as it is go before normalised ones`() {
        val tokens = with(addedToken("abc", 7, "normalized"), addedToken("c", 3))
        assertEquals(ids(5, 3), tokens.encode("abc"))
    }

    @Test
    fun `special tokens are skipped on demand, others are not`() {
        val tokens = with(addedToken("<s>", first, "special"), addedToken("<x>", second))
        assertEquals("<s>a<x>", tokens.decode(ids(first, 1, second)))
        assertEquals("a<x>", tokens.decode(ids(first, 1, second), skipSpecialTokens = true))
    }

    private fun bytes(text: String) = byteIds(*text.toByteArray().map { it.toInt() and 0xFF }.toIntArray())
}
