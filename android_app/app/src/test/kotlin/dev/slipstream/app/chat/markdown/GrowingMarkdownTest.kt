package dev.slipstream.app.chat.markdown

import dev.slipstream.app.chat.Run
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.random.Random

private val REPLY =
    """
    # A **plan**

    Some *words* with `code`, a [link](https://example.org) and
    a second line.

    1. first
    1. second

       with a paragraph
    1. third
       - deep
       - deeper

    - a
    - b

    > quoted
    > lines

    | head | second |
    |------|--------|
    | 1    | *two*  |

    Under
    -----
    ```kotlin
    val x = 1

    # no heading
    ```

    <b>not bold</b>

        indented

    ***
    The end &amp; \*more\*.
    """.trimIndent()

class GrowingMarkdownTest {
    @Test
    fun `a text that grows in any pieces has the blocks of the whole`() {
        val whole = GrowingMarkdown().all(REPLY)
        assertEquals(15, whole.size)
        for (seed in 0 until 300) {
            val random = Random(seed)
            val growing = GrowingMarkdown()
            var length = 0
            while (length < REPLY.length) {
                length = minOf(REPLY.length, length + random.nextInt(1, 30))
                val shown = growing.all(REPLY.take(length))
                assertEquals(GrowingMarkdown().all(REPLY.take(length)), shown, "seed $seed, $length characters")
            }
        }
    }

    @Test
    fun `a long reply costs no more a piece than a short one`() {
        val short = cost(REPLY_LINES.take(100))
        val long = cost(REPLY_LINES.take(1600))
        val (characters, parsed, spans) = long.map { it.toDouble() }
        println("${long[0]} characters in pieces of 4: ${long[1]} parsed, ${long[2]} spans built")
        assertEquals(short[1].toDouble() / short[0], parsed / characters, 0.1 * parsed / characters)
        assertEquals(short[2].toDouble() / short[0], spans / characters, 0.1 * spans / characters)
        // Half of a block for each piece of four characters, and a line more: the blocks have 60.
        assertTrue(parsed / characters < 40, "${parsed / characters} times")
    }

    @Test
    fun `one block without an end costs no more a piece once it is long`() {
        val text = "a *b* <i> ".repeat(8_000)
        for (begin in listOf("", "> ", "- ", "```\n", "|a|\n|-|\n", "<div>")) {
            val growing = GrowingMarkdown(limit = 500)
            for (length in 0..(text.length + begin.length) step 50) {
                growing.update(
                    (begin + text).take(length),
                    emptyList(),
                )
            }
            val times = growing.charactersParsed / text.length.toDouble()
            assertTrue(times < 20, "$begin: each character is parsed $times times")
        }
    }

    @Test
    fun `code of many lines is finished in parts, and is still one block`() {
        val code = (0 until 500).joinToString("") { "line $it\n" }
        val growing = GrowingMarkdown()
        for (length in 0..code.length step 7) growing.update("Look:\n```py\n$code".take(length), emptyList())
        val shown = growing.all("Look:\n```py\n$code```\nDone.")
        val block = shown[1] as Block.Code
        assertEquals("py", block.language)
        assertEquals(code, block.parts.joinToString("") { it.text })
        assertEquals(12, block.parts.size - 1)
        assertEquals(Block.Paragraph(StyledText("Done.")), shown[2])
        assertTrue(growing.charactersParsed < 60 * code.length, "${growing.charactersParsed} of ${code.length}")
    }

    @Test
    fun `what is no continuation is read anew`() {
        val growing = GrowingMarkdown()
        growing.update("# one\n\ntwo\n\nthree\n", emptyList())
        assertEquals(listOf<Block>(Block.Paragraph(StyledText("other"))), growing.all("other"))
    }

    @Test
    fun `each stretch keeps the origin of its characters, whatever stands between them`() {
        val text = "One **two** &amp; \\*three\\* `four`"
        val runs =
            listOf(Run(6, 1, accepted = false), Run(20, 2, accepted = true), Run(text.length, 3, accepted = false))
        val block = GrowingMarkdown().update(text, runs).open.single() as Block.Paragraph
        val shown = block.text.text
        assertEquals("One two & *three* four", shown)
        val origins = block.text.spans.filter { it.style == Style.ACCEPTED || it.style == Style.OWN }
        assertEquals(
            listOf(Style.OWN to "One ", Style.ACCEPTED to "two & *", Style.OWN to "three* four"),
            joined(origins).map { (style, begin, end) -> style to shown.substring(begin, end) },
        )
    }

    @Test
    fun `origins are those of the whole text, wherever the block stands in it`() {
        val text = "one\n\ntwo **three**\n\n- four\n- five\n\n```\nsix\nseven\n```\n"
        val runs = text.indices.map { Run(it + 1, 1, accepted = it % 3 == 0) }
        val growing = GrowingMarkdown()
        for (length in 1 until text.length) growing.update(text.take(length), runs.take(length))
        for (shown in texts(growing.all(text, runs))) {
            val begin =
                text.indexOf(
                    shown.text
                        .trim()
                        .substringBefore('\n')
                        .substringBefore(" three"),
                )
            val first = shown.spans.first { it.begin == 0 }
            assertEquals(if (begin % 3 == 0) Style.ACCEPTED else Style.OWN, first.style, shown.text)
        }
    }

    private fun texts(blocks: List<Block>): List<StyledText> =
        blocks.flatMap {
            when (it) {
                is Block.Paragraph -> listOf(it.text)
                is Block.Item -> texts(it.blocks)
                is Block.Code -> it.parts
                else -> emptyList()
            }
        }

    private fun joined(spans: List<Span>): List<Triple<Style, Int, Int>> {
        val joined = ArrayList<Triple<Style, Int, Int>>()
        for (span in spans.sortedBy { it.begin }) {
            val last = joined.lastOrNull()
            if (last != null && last.first == span.style && last.third == span.begin) {
                joined[joined.size - 1] = last.copy(third = span.end)
            } else {
                joined.add(Triple(span.style, span.begin, span.end))
            }
        }
        return joined
    }

    /** Characters, and what was parsed and built for them. */
    private fun cost(lines: List<String>): List<Long> {
        val text = lines.joinToString("\n")
        val growing = GrowingMarkdown()
        for (length in 4..text.length step 4) {
            val runs = (0 until length / 4).map { Run(it * 4 + 4, 1, it % 2 == 0) }
            growing.update(text.take(length), runs)
        }
        return listOf(text.length.toLong(), growing.charactersParsed, growing.spansBuilt)
    }

    private companion object {
        val REPLY_LINES =
            List(400) {
                listOf(
                    "A paragraph with **bold** and `code` in it, number $it here.",
                    "",
                    "- an item of a list",
                    "- one more",
                )
            }.flatten()
    }
}

internal fun GrowingMarkdown.all(
    text: String,
    runs: List<Run> = emptyList(),
): List<Block> = update(text, runs).let { it.finished + it.open }
