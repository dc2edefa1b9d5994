package dev.slipstream.tokenizer

import dev.slipstream.errors.BundleException
import dev.slipstream.errors.PromptTooLongException
import dev.slipstream.errors.UsageException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class BundleTokenizerTest {
    private val small = tokenizer(smallJson(added = listOf(addedToken("<x>", FIRST_ADDED, "special"))))

    private fun bounded(vocabSize: Int) = BundleTokenizer(small, vocabSize, contextLength = 2, "small")

    @Test
    fun `text of as many bytes as the context bounds is encoded, more is too long`() {
        assertEquals(256, bounded(300).encode("c".repeat(256)).size)
        assertEquals(256, bounded(300).encode("é".repeat(128)).size)
        for (text in listOf("c".repeat(257), "é".repeat(128) + "c", "😀".repeat(65), "日".repeat(86))) {
            val error = assertThrows<PromptTooLongException> { bounded(300).encode(text) }
            assertEquals("at most 256 bytes, 128 for every slot of the context", error.expected)
            assertEquals("${text.toByteArray().size} bytes", error.found)
        }
    }

    @Test
    fun `half a character is no text`() {
        for ((text, found) in listOf(
            "😀\uD83D" to "'\\ud83d' at character 1",
            "\uDE00a" to "'\\ude00' at character 0",
        )) {
            assertEquals(found, assertThrows<UsageException> { bounded(300).encode(text) }.found)
        }
    }

    @Test
    fun `a token that the model does not have is refused`() {
        assertEquals(ids(FIRST_ADDED), bounded(FIRST_ADDED + 1).encode("<x>"))
        assertEquals("$FIRST_ADDED", assertThrows<BundleException> { bounded(FIRST_ADDED).encode("<x>") }.found)
    }
}
