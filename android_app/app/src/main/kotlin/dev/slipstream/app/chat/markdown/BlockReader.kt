package dev.slipstream.app.chat.markdown

import dev.slipstream.app.chat.Run
import org.commonmark.ext.gfm.tables.TableBlock
import org.commonmark.ext.gfm.tables.TablesExtension
import org.commonmark.node.BlockQuote
import org.commonmark.node.BulletList
import org.commonmark.node.FencedCodeBlock
import org.commonmark.node.Heading
import org.commonmark.node.HtmlBlock
import org.commonmark.node.IndentedCodeBlock
import org.commonmark.node.LinkReferenceDefinition
import org.commonmark.node.ListItem
import org.commonmark.node.Node
import org.commonmark.node.OrderedList
import org.commonmark.node.Paragraph
import org.commonmark.node.ThematicBreak
import org.commonmark.parser.IncludeSourceSpans
import org.commonmark.parser.Parser

/** A block, where its first line begins in the source, and whether it is code whose end is still to come. */
internal class Placed(
    val begin: Int,
    val block: Block,
    val isOpenCode: Boolean = false,
)

private val PARSER =
    Parser
        .builder()
        .extensions(listOf(TablesExtension.create()))
        .includeSourceSpans(IncludeSourceSpans.BLOCKS_AND_INLINES)
        .build()

/** Beyond this many blocks in each other, as in a line of a thousand `>`, the rest is text. */
private const val MOST_DEPTH = 12

/** Reads [source] as Markdown; [offset] and [runs] are [InlineReader]'s. Whatever it is, nothing of it is an error. */
internal class BlockReader(
    private val source: String,
    private val offset: Int,
    private val runs: List<Run>,
) {
    fun read(): List<Placed> {
        val placed = ArrayList<Placed>()
        for (node in PARSER.parse(source).children()) {
            when (node) {
                is BulletList, is OrderedList -> items(node).forEach { (item, block) -> placed.add(at(item, block)) }
                else -> block(node, 0)?.let { placed.add(at(node, it)) }
            }
        }
        return placed
    }

    private fun at(
        node: Node,
        block: Block,
    ): Placed {
        val first = node.sourceSpans.firstOrNull()?.inputIndex ?: 0
        val isOpen = node is FencedCodeBlock && node.closingFenceLength == null
        // The whole line: what it is indented by means something.
        return Placed(lineBegin(source, first), block, isOpen)
    }

    private fun blocks(
        parent: Node,
        depth: Int,
    ): List<Block> {
        val blocks = ArrayList<Block>()
        for (node in parent.children()) {
            when (node) {
                is BulletList, is OrderedList -> items(node, depth).forEach { (_, block) -> blocks.add(block) }
                else -> block(node, depth)?.let(blocks::add)
            }
        }
        return blocks
    }

    private fun items(
        list: Node,
        depth: Int = 0,
    ): List<Pair<Node, Block>> {
        val first = (list as? OrderedList)?.let { it.markerStartNumber ?: 1 }
        val delimiter = (list as? OrderedList)?.markerDelimiter.orEmpty()
        return list.children().filterIsInstance<ListItem>().toList().mapIndexed { index, item ->
            item to Block.Item(first?.plus(index), delimiter, nested(item, depth))
        }
    }

    private fun nested(
        node: Node,
        depth: Int,
    ): List<Block> =
        if (depth < MOST_DEPTH) blocks(node, depth + 1) else listOf(Block.Paragraph(inlines().verbatim(node)))

    private fun block(
        node: Node,
        depth: Int,
    ): Block? =
        when (node) {
            is Paragraph -> Block.Paragraph(inlines().read(node))
            is Heading -> Block.Heading(node.level, inlines().read(node))
            is BlockQuote -> Block.Quote(nested(node, depth))
            is FencedCodeBlock -> Block.Code(language(node.info), listOf(code(node)))
            is IndentedCodeBlock -> Block.Code("", listOf(inlines().literal(node, node.literal)))
            is HtmlBlock -> Block.Paragraph(inlines().literal(node, node.literal))
            is TableBlock -> table(node)
            is ThematicBreak -> Block.Rule
            is LinkReferenceDefinition -> null
            else -> Block.Paragraph(inlines().verbatim(node))
        }

    /** Behind the line of the fence, whose characters are not the code's. */
    private fun code(node: FencedCodeBlock): StyledText {
        val lines = node.sourceSpans
        if (lines.size < 2) return StyledText(node.literal)
        return inlines().literal(node, node.literal, lines[1].inputIndex)
    }

    private fun table(node: Node): Block {
        val rows = node.children().flatMap { it.children() }
        val cells = rows.map { row -> row.children().map { inlines().read(it) }.toList() }.toList()
        val width = cells.firstOrNull()?.size ?: 0
        return Block.Table(cells.map { row -> List(width) { row.getOrElse(it) { StyledText("") } } })
    }

    private fun inlines() = InlineReader(source, offset, runs)

    /** The first word; what else stands there is for programs. */
    private fun language(info: String?) = info.orEmpty().trim().substringBefore(' ')
}

/** Where the line of [text] begins that ends before [end], or has it in it. */
internal fun lineBegin(
    text: String,
    end: Int,
): Int = text.lastIndexOfAny(LINE_ENDS, end - 1) + 1

private val LINE_ENDS = charArrayOf('\n', '\r')

private fun Node.children(): Sequence<Node> = generateSequence(firstChild) { it.next }
