package dev.slipstream.app.chat.markdown

import dev.slipstream.app.chat.Run
import org.commonmark.node.Code
import org.commonmark.node.Emphasis
import org.commonmark.node.HardLineBreak
import org.commonmark.node.HtmlInline
import org.commonmark.node.Link
import org.commonmark.node.Node
import org.commonmark.node.SoftLineBreak
import org.commonmark.node.StrongEmphasis
import org.commonmark.node.Text

/**
 * The text inside one block of [source], with spans for how it is written and for where each stretch of it came from.
 * [offset] is what a position in [source] lacks to one in the message that [runs] belong to.
 *
 * Line breaks stay as the model wrote them. HTML is text; so is an image, by its words: nothing is fetched.
 */
internal class InlineReader(
    private val source: String,
    private val offset: Int,
    private val runs: List<Run>,
) {
    private val text = StringBuilder()
    private val spans = ArrayList<Span>()

    /** The run that the next character is looked for in; characters come in the order of [source]. */
    private var run = -1
    private var runBegin = 0

    fun read(parent: Node): StyledText {
        children(parent, 0)
        return styled()
    }

    /** [literal], which stands in the lines of [node], from position [begin] on. */
    fun literal(
        node: Node,
        literal: String,
        begin: Int = begin(node),
    ): StyledText {
        append(literal, node, begin)
        return styled()
    }

    /** All that stands in the lines of [node], as it was written. */
    fun verbatim(node: Node): StyledText {
        if (node.sourceSpans.isEmpty()) return StyledText("")
        append(source.substring(begin(node), end(node)), node)
        return styled()
    }

    private fun styled() = StyledText(text.toString(), spans)

    private fun children(
        parent: Node,
        depth: Int,
    ) {
        var node = parent.firstChild
        while (node != null) {
            inline(node, depth)
            node = node.next
        }
    }

    private fun inline(
        node: Node,
        depth: Int,
    ) {
        when (node) {
            is Text -> append(node.literal, node)
            is Code -> styled(Style.CODE) { append(node.literal, node) }
            is HtmlInline -> append(node.literal, node)
            is SoftLineBreak, is HardLineBreak -> append("\n", node)
            is Emphasis -> nested(node, Style.EMPHASIS, depth)
            is StrongEmphasis -> nested(node, Style.STRONG, depth)
            is Link -> nested(node, Style.LINK.takeIf { isOpened(node.destination) }, depth, node.destination)
            else -> nested(node, null, depth)
        }
    }

    private fun nested(
        node: Node,
        style: Style?,
        depth: Int,
        destination: String? = null,
    ) {
        // Thousands of nested stars would be thousands of calls deep.
        if (depth == MOST_DEPTH) {
            append(source.substring(begin(node), end(node)), node)
        } else if (style == null) {
            children(node, depth + 1)
        } else {
            styled(style, destination) { children(node, depth + 1) }
        }
    }

    private fun styled(
        style: Style,
        destination: String? = null,
        block: () -> Unit,
    ) {
        val begin = text.length
        block()
        if (text.length > begin) spans.add(Span(begin, text.length, style, destination))
    }

    /** [literal] is written in the lines of [node] with escapes, entities and markers between its characters. */
    private fun append(
        literal: String,
        node: Node,
        first: Int = begin(node),
    ) {
        val begin = text.length
        text.append(literal)
        if (runs.isEmpty() || literal.isEmpty() || node.sourceSpans.isEmpty()) return
        var position = first
        val end = end(node)
        var from = begin
        var style = origin(position)
        for (index in literal.indices) {
            var found = position
            while (found < end && source[found] != literal[index]) found++
            // A character that is written otherwise, as an entity, came with the one before it.
            if (found < end) position = found
            val next = origin(position)
            if (next != style) {
                mark(from, begin + index, style)
                from = begin + index
                style = next
            }
            if (found < end) position++
        }
        mark(from, text.length, style)
    }

    private fun mark(
        from: Int,
        to: Int,
        style: Style?,
    ) {
        if (style == null || from == to) return
        val last = spans.lastOrNull()
        if (last != null && last.style == style && last.end == from) {
            spans[spans.size - 1] = last.copy(end = to)
        } else {
            spans.add(Span(from, to, style))
        }
    }

    /** Where the character at [position] of [source] came from; null where that is not known. */
    private fun origin(position: Int): Style? {
        val place = position + offset
        if (run < 0 || place < runBegin) seek(place)
        while (run < runs.size && runs[run].end <= place) runBegin = runs[run++].end
        val found = runs.getOrNull(run) ?: return null
        return if (found.accepted) Style.ACCEPTED else Style.OWN
    }

    private fun seek(place: Int) {
        run = runs.binarySearch { if (it.end <= place) -1 else 1 }.inv()
        runBegin = runs.getOrNull(run - 1)?.end ?: 0
    }

    private fun begin(node: Node) = node.sourceSpans.firstOrNull()?.inputIndex ?: 0

    private fun end(node: Node) = node.sourceSpans.last().let { it.inputIndex + it.length }

    private companion object {
        const val MOST_DEPTH = 16
        val SCHEMES = listOf("https://", "http://", "mailto:")

        /** A link that the browser or the mail program takes; others could start anything, and are text. */
        fun isOpened(destination: String) = SCHEMES.any { destination.startsWith(it, ignoreCase = true) }
    }
}
