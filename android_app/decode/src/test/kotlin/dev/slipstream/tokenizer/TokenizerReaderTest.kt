package dev.slipstream.tokenizer

import dev.slipstream.errors.BundleException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

class TokenizerReaderTest {
    private fun assertRefused(
        component: String,
        json: String,
    ) {
        val error = assertThrows<BundleException> { Tokenizer.read(json.toByteArray(), "a.litertlm") }
        assertEquals("a.litertlm, $component", error.where, error.message)
    }

    private fun split(
        pattern: String = """{"String": " "}""",
        behavior: String = "MergedWithPrevious",
        invert: Boolean = false,
    ) = """{"type": "Split", "pattern": $pattern, "behavior": "$behavior", "invert": $invert}"""

    @Test
    fun `a component that is not known is refused by its name`() {
        assertRefused("normalizer", smallJson(normalizer = """{"type": "NFKC"}"""))
        val sequence = """{"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "NFC"}]}"""
        assertRefused("normalizer.normalizers[1]", smallJson(normalizer = sequence))
        assertRefused("pre_tokenizer", smallJson(preTokenizer = """{"type": "ByteLevel"}"""))
        assertRefused("decoder", smallJson(decoder = """{"type": "ByteLevel"}"""))
        assertRefused("decoder", smallJson(decoder = "null"))
        assertRefused("model", smallJson().replace("\"BPE\"", "\"Unigram\""))
    }

    @Test
    fun `so is what a known component would do otherwise`() {
        val regex = """{"Regex": " +"}"""
        val replace = """{"type": "Replace", "pattern": $regex, "content": "▁"}"""
        assertRefused("normalizer.pattern", smallJson(normalizer = replace))
        assertRefused("pre_tokenizer.pattern", smallJson(preTokenizer = split(pattern = regex)))
        assertRefused("pre_tokenizer", smallJson(preTokenizer = split(behavior = "Removed")))
        assertRefused("pre_tokenizer", smallJson(preTokenizer = split(invert = true)))
        val strip = """{"type": "Strip", "content": " ", "start": 0, "stop": 1}"""
        assertRefused("decoder", smallJson(decoder = strip))
        val order = """{"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "ByteFallback"}]}"""
        assertRefused("decoder.decoders[1]", smallJson(decoder = order))
    }

    @Test
    fun `so are drawn, prefixed, cut and padded tokens`() {
        assertRefused("model.dropout", smallJson(model = """"dropout": 0.1"""))
        assertRefused("model.continuing_subword_prefix", smallJson(model = """"continuing_subword_prefix": "##""""))
        assertRefused("model.end_of_word_suffix", smallJson(model = """"end_of_word_suffix": "</w>""""))
        assertRefused("truncation", smallJson(other = """"truncation": {"max_length": 8}"""))
        assertRefused("padding", smallJson(other = """"padding": {"length": 8}"""))
        assertRefused("version", smallJson().replace("\"1.0\"", "\"2.0\""))
    }

    @Test
    fun `a vocabulary that contradicts itself is refused`() {
        assertRefused("model.vocab", smallJson().replace("\"ab\": 5", "\"ab\": 4"))
        assertRefused("model.vocab", smallJson().replace("\"ab\": 5", "\"a\": 5"))
        assertRefused("model.vocab", smallJson().replace("\"ab\": 5", "\"ab\": -5"))
        assertRefused("model.vocab", smallJson().replace("\"ab\": 5", "\"ab\": \"5\""))
        assertRefused("model.vocab", smallJson().replace("\"ab\": 5", "\"\\ud800\": 5"))
        assertRefused("model.merges", smallJson(merges = """["a", "c"]"""))
        assertRefused("model.merges", smallJson(merges = """"a b c""""))
        assertRefused("model.merges", smallJson(merges = """["a", "b"], "b c""""))
        assertRefused("model.unk_token", smallJson().replace("\"unk_token\": \"<unk>\"", "\"unk_token\": \"?\""))
    }

    @Test
    fun `so are added tokens of another id, twice, or of one normalised form`() {
        assertRefused("added_tokens[0].id", smallJson(added = listOf(addedToken("<x>", 3))))
        assertRefused("added_tokens[0].id", smallJson(added = listOf(addedToken("a", FIRST_ADDED))))
        val twice = listOf(addedToken("<x>", FIRST_ADDED), addedToken("<x>", FIRST_ADDED))
        assertRefused("added_tokens[1]", smallJson(added = twice))
        val alike = listOf(addedToken("x y", FIRST_ADDED), addedToken("x▁y", FIRST_ADDED + 1))
        tokenizer(smallJson(added = alike))
        val normalized = alike.map { it.replace("\"normalized\": false", "\"normalized\": true") }
        assertRefused("added_tokens[1]", smallJson(added = normalized))
        assertRefused("added_tokens[0].lstrip", smallJson(added = listOf(addedToken("x", 0).replace("lstrip", "l"))))
    }

    @ParameterizedTest
    @ValueSource(strings = ["", "[]", "{", "{} {}", "{\"version\": 1.0}", "{\"model\": [], \"version\": \"1.0\"}", "x"])
    fun `what is no tokenizer is refused`(json: String) {
        assertThrows<BundleException> { tokenizer(json) }
    }

    @Test
    fun `a file cut anywhere is refused`() {
        val json = smallJson(added = listOf(addedToken("<x>", FIRST_ADDED))).toByteArray()
        for (size in json.indices) assertThrows<BundleException> { Tokenizer.read(json.copyOf(size)) }
    }

    @Test
    fun `bytes that are no UTF-8 are refused, not read as something else`() {
        val json = smallJson().toByteArray()
        json[json.indices.first { json[it].toInt() == 'c'.code && json[it - 1].toInt() == '"'.code }] = 0xFF.toByte()
        assertRefused("the JSON", json)
    }

    private fun assertRefused(
        component: String,
        json: ByteArray,
    ) {
        val error = assertThrows<BundleException> { Tokenizer.read(json, "a.litertlm") }
        assertEquals("a.litertlm, $component", error.where)
    }
}
