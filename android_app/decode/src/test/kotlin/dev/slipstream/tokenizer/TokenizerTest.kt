package dev.slipstream.tokenizer

import dev.slipstream.repository
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class TokenizerTest {
    private val small = tokenizer(smallJson())

    @Test
    fun `the merge of the lowest rank comes first, not the longest piece`() {
        // a b c: "ab" is of rank 0, and "ab" + "c" of rank 2 makes one piece.
        assertEquals(ids(7), small.encode("abc"))
        // Were "bc" first, "a" would be left over.
        val other = tokenizer(smallJson(merges = """["b", "c"], ["a", "b"], ["ab", "c"]"""))
        assertEquals(ids(1, 6), other.encode("abc"))
    }

    @Test
    fun `of equal merges the left one comes first`() {
        val pairs = tokenizer(smallJson(listOf("a", "b", "c", "▁", "aa", "x", "y", "z"), """["a", "a"]"""))
        assertEquals(ids(5, 1), pairs.encode("aaa"))
        assertEquals(ids(5, 5, 1), pairs.encode("aaaaa"))
    }

    @Test
    fun `of a pair listed twice the later rank holds`() {
        val twice = tokenizer(smallJson(merges = """["a", "b"], ["b", "c"], ["a", "b"]"""))
        assertEquals(ids(1, 6), twice.encode("abc"))
    }

    @Test
    fun `merges may be pairs or lines`() {
        val lines = tokenizer(smallJson(merges = """"#version: 0.2", "a b", "b c", "ab c", "▁ a""""))
        assertEquals(small.encode("abc a"), lines.encode("abc a"))
    }

    @Test
    fun `a space is written as a low line, and decoded as a space`() {
        assertEquals(ids(8, 5, 4), small.encode(" aab "))
        assertEquals(" aab ", small.decode(ids(8, 5, 4)))
    }

    @Test
    fun `a character without a piece is its bytes`() {
        assertEquals(byteIds(0xC3, 0xA9), small.encode("é"))
        assertEquals(byteIds(0xF0, 0x9F, 0x98, 0x80), small.encode("😀"))
    }

    @Test
    fun `without byte fallback it is unknown, fused with unknowns beside it or not`() {
        val fused = tokenizer(smallJson(model = """"byte_fallback": false, "fuse_unk": true"""))
        val apart = tokenizer(smallJson(model = """"byte_fallback": false, "fuse_unk": false"""))
        assertEquals(ids(0, 1, 0), fused.encode("éxaé"))
        assertEquals(ids(0, 0, 1, 0), apart.encode("éxaé"))
    }

    @Test
    fun `a whole word that is a piece need not be merged`() {
        val whole = tokenizer(smallJson(merges = "", model = """"byte_fallback": true, "ignore_merges": true"""))
        assertEquals(ids(7), whole.encode("abc"))
        assertEquals(ids(1, 2, 3, 4), whole.encode("abc "))
    }

    @Test
    fun `a split ends a word behind every delimiter`() {
        val behavior = """"behavior": "MergedWithPrevious", "invert": false"""
        val split = """{"type": "Split", "pattern": {"String": "b"}, $behavior}"""
        val cut = tokenizer(smallJson(preTokenizer = split))
        assertEquals(ids(5, 3), cut.encode("abc"))
        assertEquals(ids(2, 2, 5, 3), cut.encode("bbabc"))
    }

    @Test
    fun `a lone surrogate is taken for the replacement character`() {
        val replacement = byteIds(0xEF, 0xBF, 0xBD)
        assertEquals(replacement, small.encode("\uFFFD"))
        assertEquals(replacement, small.encode("\uD83D"))
        assertEquals(replacement, small.encode("\uDE00"))
        assertEquals("\uFFFD\uFFFDa", small.decode(small.encode("\uDE00\uD83Da")))
    }

    @Test
    fun `nothing encodes to nothing`() {
        assertEquals(ids(), small.encode(""))
        assertEquals("", small.decode(ids()))
    }

    @Test
    fun `a run of bytes is text when it is UTF-8 as a whole`() {
        assertEquals("é€", small.decode(byteIds(0xC3, 0xA9, 0xE2, 0x82, 0xAC)))
        assertEquals("\uFFFD\uFFFD\uFFFD", small.decode(byteIds(0xC3, 0xA9, 0xFF)))
        assertEquals("éa\uFFFD", small.decode(byteIds(0xC3, 0xA9) + ids(1) + byteIds(0xFF)))
        assertEquals("\uFFFD".repeat(3), small.decode(byteIds(0xED, 0xA0, 0x80)))
    }

    @Test
    fun `an id that nothing has is left out and ends no run`() {
        assertEquals("é", small.decode(byteIds(0xC3) + ids(9999, -1) + byteIds(0xA9)))
    }

    @Test
    fun `the space that a normalizer prepended is stripped once`() {
        val prepend = """{"type": "Prepend", "prepend": "▁"}"""
        val replace = """{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}"""
        val back = """{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}"""
        val strip = """{"type": "Strip", "content": " ", "start": 1, "stop": 0}"""
        val llama =
            tokenizer(
                smallJson(
                    normalizer = """{"type": "Sequence", "normalizers": [$prepend, $replace]}""",
                    decoder = """{"type": "Sequence", "decoders": [$back, {"type": "Fuse"}, $strip]}""",
                ),
            )
        assertEquals(ids(8, 8), llama.encode("a a"))
        assertEquals("a a", llama.decode(ids(8, 8)))
    }

    @Test
    fun `the demo pair's tokenizer encodes what its card shows`() {
        val path = repository.resolve("export/demo/target/tokenizer.json")
        val demo = path.toFile().inputStream().use { Tokenizer.read(it) }
        val text = "<bos>def main():\n    return 'é'<turn|>"
        assertEquals(text, demo.decode(demo.encode(text)))
        assertEquals(2, demo.encode(text)[0])
        assertEquals(5, demo.encode(text).last())
        assertEquals("def main():\n    return 'é'", demo.decode(demo.encode(text), skipSpecialTokens = true))
    }
}
