package dev.slipstream.chat

import androidx.collection.intListOf
import dev.slipstream.bundle.Tokens
import dev.slipstream.errors.PromptTooLongException
import dev.slipstream.tokenizer.BundleTokenizer
import dev.slipstream.tokenizer.FIRST_ADDED
import dev.slipstream.tokenizer.addedToken
import dev.slipstream.tokenizer.byteIds
import dev.slipstream.tokenizer.ids
import dev.slipstream.tokenizer.plus
import dev.slipstream.tokenizer.smallJson
import dev.slipstream.tokenizer.tokenizer
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class ChatTest {
    private val names = listOf("<bos>", "<eos>", "<t>", "</t>", "<c>", "</c>", "<u>")
    private val first = FIRST_ADDED
    private val special = mapOf("<bos>" to "special", "<eos>" to "special")
    private val small =
        tokenizer(
            smallJson(
                added =
                    names.mapIndexed {
                        i,
                        name,
                        ->
                        addedToken(name, first + i, special[name].orEmpty())
                    },
            ),
        )
    private val turn = Affixes("<t>a", "</t>")
    private val format =
        ChatFormat(
            start = "<bos>",
            system = null,
            user = turn,
            model = Affixes("<t>b", "</t>"),
            userPrefixAfterSystem = "<t>a",
            reply = "<t>b",
            thinking = Thinking("<t>b<c>c", "", "<t>"),
            thoughts = Thoughts("<c>c", "</c>", kept = false),
            trims = emptyList(),
            alternates = false,
        )
    private val chat = chat(Tokens(first, 0, listOf(first + 1, first + 3)))

    private fun chat(tokens: Tokens): Chat {
        val tokenizer = BundleTokenizer(small, vocabSize = first + names.size, contextLength = 8, "small")
        return Chat(format, ControlTokens(format, tokens, small), tokens, tokenizer)
    }

    private fun user(content: String) = Message(USER, content)

    @Test
    fun `the template's control tokens are ids, the user's are letters`() {
        val said = chat.context(listOf(user("<t>c</t>")))
        val letters = byteIds('<'.code, 't'.code, '>'.code) + ids(3) + byteIds('<'.code, '/'.code, 't'.code, '>'.code)
        assertEquals(ids(first, first + 2, 1) + letters + ids(first + 3, first + 2, 2), said)
    }

    @Test
    fun `an added token that is no control token is one in a content, too`() {
        assertEquals(ids(first, first + 2, 1, first + 6, first + 3, first + 2, 2), chat.context(listOf(user("<u>"))))
    }

    @Test
    fun `a stop token is a control token, whether special or not`() {
        val other = chat(Tokens(first, 0, listOf(first + 6)))
        val letters = byteIds('<'.code, 'u'.code, '>'.code)
        val expected = ids(first, first + 2, 1) + letters + ids(first + 3, first + 2, 2)
        assertEquals(expected, other.context(listOf(user("<u>"))))
    }

    @Test
    fun `what was said goes into the next context as it was decoded`() {
        val reply = intListOf(first + 4, 3, 1, first + 5, 1, 2, first + 3)
        val message = chat.message(reply)
        assertEquals(Message(MODEL, "ab", "a", ids(first + 4, 3, 1, first + 5, 1, 2), ids(1, 2)), message)
        val expected = ids(first, first + 2, 1, 3, first + 3, first + 2, 2, 1, 2, first + 3, first + 2, 1)
        val context = chat.context(listOf(user("c"), message, user("c")))
        assertEquals(expected + ids(3, first + 3, first + 2, 2), context)
    }

    @Test
    fun `a reply that thinking opened begins in the thought`() {
        val message = chat.message(intListOf(1, first + 5, 2), thinking = true)
        assertEquals("a" to "b", message.thought to message.content)
    }

    @Test
    fun `all texts of a conversation together are bounded as a prompt is`() {
        // Eight slots of 128 bytes, less the format's own texts.
        val most = 8 * 128 - "<bos><t>a</t><t>b".length
        assertEquals(most + 6, chat.context(listOf(user("c".repeat(most)))).size)
        val error = assertThrows<PromptTooLongException> { chat.context(listOf(user("c".repeat(most + 1)))) }
        assertEquals("1025 bytes", error.found)
        val parted = listOf(user("c".repeat(most / 2)), user("é".repeat(most / 4)))
        assertEquals("1030 bytes", assertThrows<PromptTooLongException> { chat.context(parted) }.found)
    }
}
