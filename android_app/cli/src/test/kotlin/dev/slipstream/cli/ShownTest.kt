package dev.slipstream.cli

import androidx.collection.intListOf
import dev.slipstream.bundle.Tokens
import dev.slipstream.chat.Affixes
import dev.slipstream.chat.Chat
import dev.slipstream.chat.ChatFormat
import dev.slipstream.chat.ControlTokens
import dev.slipstream.chat.Splitter
import dev.slipstream.chat.Thoughts
import dev.slipstream.decode.StopReason
import dev.slipstream.tokenizer.BundleTokenizer
import dev.slipstream.tokenizer.Tokenizer
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.io.ByteArrayOutputStream
import java.io.PrintStream

class ShownTest {
    private val tokens = Tokens(bos = 0, pad = 0, stop = listOf(3))

    private fun splitter(): Splitter {
        val flags = listOf("single_word", "lstrip", "rstrip", "normalized").joinToString("") { """"$it": false, """ }
        val added =
            listOf("<t>", "</t>", "<end>").withIndex().joinToString { (i, text) ->
                """{"id": ${i + 1}, "content": "$text", $flags"special": true}"""
            }
        val json =
            """{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [$added], "normalizer": null,
            "pre_tokenizer": null, "post_processor": null, "decoder": {"type": "Fuse"}, "model": {"type": "BPE",
            "unk_token": null, "vocab": {"a": 0, "<t>": 1, "</t>": 2, "<end>": 3, "b": 4}, "merges": []}}"""
        val tokenizer = Tokenizer.read(json.toByteArray())
        val turn = Affixes("", "")
        val format = ChatFormat("", null, turn, turn, "", "", null, Thoughts("<t>", "</t>", false), emptyList(), false)
        val control = ControlTokens(format, tokens, tokenizer)
        return Chat(format, control, tokens, BundleTokenizer(tokenizer, 5, 8, "small")).splitter()
    }

    /** stdout and stderr of [block]. */
    private fun printed(block: () -> Unit): Pair<String, String> {
        val (out, err) = System.out to System.err
        val (outBytes, errBytes) = ByteArrayOutputStream() to ByteArrayOutputStream()
        try {
            System.setOut(PrintStream(outBytes))
            System.setErr(PrintStream(errBytes))
            block()
        } finally {
            System.setOut(out)
            System.setErr(err)
        }
        return "$outBytes" to "$errBytes"
    }

    private fun show(isPrinted: Boolean): Shown {
        val shown = Shown(splitter(), isPrinted)
        shown.add(intListOf(1, 0, 4), null)
        shown.add(intListOf(0, 2, 4), null)
        shown.add(intListOf(4, 0, 3), StopReason.STOP_TOKEN)
        shown.finish()
        return shown
    }

    @Test
    fun `the answer goes to stdout, the thought to stderr`() {
        assertEquals("bba" to "[thought] aba${System.lineSeparator()}", printed { show(isPrinted = true) })
    }

    @Test
    fun `both are collected, and nothing is printed that is not to be`() {
        lateinit var shown: Shown
        assertEquals("" to "", printed { shown = show(isPrinted = false) })
        assertEquals("aba" to "bba", shown.thought to shown.answer)
    }
}
