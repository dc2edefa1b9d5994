package dev.slipstream.app.chat.markdown

import dev.slipstream.app.chat.Run
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTimeout
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.time.Duration
import kotlin.random.Random

/** Models write what they like, and what they were told by a stranger's text. */
class HostileMarkdownTest {
    private fun paragraph(text: String) = GrowingMarkdown().all(text).single() as Block.Paragraph

    @Test
    fun `HTML and images are text, and nothing of them is fetched`() {
        assertEquals("<script>alert(1)</script>", paragraph("<script>alert(1)</script>").text.text.trim())
        assertEquals("a <b onclick=x>b</b>", paragraph("a <b onclick=x>b</b>").text.text)
        assertEquals(StyledText("secret"), paragraph("![secret](https://example.org/?all=secret)").text)
    }

    @Test
    fun `only addresses that a browser or a mail program takes are links`() {
        for (address in listOf("https://a.org", "HTTP://a.org", "mailto:a@a.org")) {
            assertEquals(listOf(Span(0, 1, Style.LINK, address)), paragraph("[a]($address)").text.spans)
        }
        for (address in listOf("javascript:alert(1)", "intent:#Intent;end", "file:///etc", "content://a/b", "tel:1")) {
            assertEquals(emptyList<Span>(), paragraph("[a]($address)").text.spans, address)
        }
    }

    @Test
    fun `what is nested deep ends as text, and soon`() {
        val texts =
            listOf(
                ">",
                "> ",
                "- ",
                "1. ",
                "[",
                "![",
                "*a ",
                "_a_*",
                "`",
                "<",
                "&",
                "|",
                "\\",
                "#",
                "* * ",
                "\t",
                "\u0000",
            ).map { it.repeat(3_000) } + "a".repeat(100_000) + "|a\n|-|\n".repeat(2_000)
        assertTimeout(Duration.ofSeconds(60)) {
            for (text in texts) {
                val growing = GrowingMarkdown()
                for (length in 0..text.length step maxOf(1, text.length / 20)) growing.update(text.take(length), RUNS)
                assertTrue(depth(growing.all(text, RUNS)) < 20, text.take(8))
            }
        }
    }

    @Test
    fun `any soup of marks that grows is the whole soup's, and its origins are in its text`() {
        for (seed in 0 until 3_000) {
            val random = Random(seed)
            val soup = String(CharArray(random.nextInt(1, 60)) { MARKS[random.nextInt(MARKS.length)] })
            val runs = soup.indices.map { Run(it + 1, 1, accepted = random.nextBoolean()) }
            val growing = GrowingMarkdown()
            var length = 0
            while (length < soup.length) {
                length = minOf(soup.length, length + random.nextInt(1, 9))
                val part = soup.take(length)
                val shown = growing.all(part, runs.take(length))
                assertEquals(GrowingMarkdown().all(part, runs.take(length)), shown, "seed $seed: $part")
            }
            for (text in texts(growing.all(soup, runs))) {
                assertTrue(text.spans.all { it.begin < it.end && it.end <= text.text.length }, "seed $seed")
            }
        }
    }

    private fun depth(blocks: List<Block>): Int =
        blocks.maxOfOrNull { block ->
            when (block) {
                is Block.Quote -> 1 + depth(block.blocks)
                is Block.Item -> 1 + depth(block.blocks)
                else -> 1
            }
        } ?: 0

    private fun texts(blocks: List<Block>): List<StyledText> =
        blocks.flatMap { block ->
            when (block) {
                is Block.Paragraph -> listOf(block.text)
                is Block.Heading -> listOf(block.text)
                is Block.Quote -> texts(block.blocks)
                is Block.Item -> texts(block.blocks)
                is Block.Code -> block.parts
                is Block.Table -> block.rows.flatten()
                Block.Rule -> emptyList()
            }
        }

    private companion object {
        /** No colon: a link's reference is found only beside it. */
        const val MARKS = "ab *_`#>-+1.)\n\n\r|[]()<&\\~ \t=\""
        val RUNS = listOf(Run(1_000_000, 1, accepted = true))
    }
}
