package dev.slipstream.app.chat.markdown

import dev.slipstream.app.chat.Run

/** A text's blocks: [finished] ones, which no further text changes, and behind them what is [open]. */
internal class Markdown(
    val finished: List<Block>,
    val open: List<Block>,
)

/**
 * The blocks of a text that grows. A block is finished when a line has begun another one, and is not read again: each
 * piece costs what the open block is long, however long the text is before it. Long code is finished by [PART_LINES]
 * lines, and any other block that passes [limit] characters is cut at a line, or a word, and goes on as a new one.
 *
 * A link's reference is found only among the blocks that were read together with it.
 */
internal class GrowingMarkdown(
    private val limit: Int = LIMIT,
) {
    /** Characters that were parsed, and spans that were built of them: what this has cost until now. */
    var charactersParsed = 0L
        private set
    var spansBuilt = 0L
        private set

    private var text = ""
    private var finished = emptyList<Block>()
    private var open = emptyList<Placed>()

    /** Where what is open begins in [text], behind [fence], the line that began its code. */
    private var begin = 0
    private var fence = ""
    private var codeParts = emptyList<StyledText>()

    /** The blocks of [text], which [runs] tell the origin of. What an earlier call was given is its beginning, or it is read anew. */
    fun update(
        text: String,
        runs: List<Run>,
    ): Markdown {
        // Compares all of it, as memory is compared: nothing beside a block's layout.
        if (!text.startsWith(this.text)) reset()
        this.text = text
        do parse(runs) while (cut(runs))
        return Markdown(finished, open.map { it.block })
    }

    private fun reset() {
        finished = emptyList()
        open = emptyList()
        begin = 0
        fence = ""
        codeParts = emptyList()
    }

    private fun parse(runs: List<Run>) {
        val base = begin - fence.length
        val source = fence + text.substring(begin)
        val placed = continued(read(source, runs))
        // A line that is not complete may still turn out to belong to the block before it.
        val lastLine = lineBegin(source, source.length)
        val closed = maxOf(0, placed.count { it.begin < lastLine } - 1)
        if (closed > 0) {
            finish(placed.take(closed))
            begin = base + placed[closed].begin
        }
        open = placed.drop(closed)
        val code = open.firstOrNull()?.takeIf { it.isOpenCode } ?: return
        finishLines(source, code, base, lastLine)
    }

    private fun read(
        source: String,
        runs: List<Run>,
        base: Int = begin - fence.length,
    ): List<Placed> {
        val placed = BlockReader(source, base, runs).read()
        charactersParsed += source.length
        spansBuilt += placed.sumOf { spans(it.block) }
        return placed
    }

    /** [placed] as what goes on with the code, or the list, whose beginning is finished. */
    private fun continued(placed: List<Placed>): List<Placed> {
        val first = placed.firstOrNull() ?: return placed
        val block = first.block
        val before = finished.lastOrNull()
        if (block is Block.Code && codeParts.isNotEmpty()) {
            return listOf(first.with(block.copy(parts = codeParts + block.parts))) + placed.drop(1)
        }
        if (block !is Block.Item || before !is Block.Item || block.delimiter != before.delimiter) return placed
        val lag = (before.number ?: return placed) + 1 - (block.number ?: return placed)
        var isSame = true
        return placed.map {
            val item = it.block as? Block.Item
            isSame = isSame && item?.number != null && item.delimiter == block.delimiter
            if (isSame) it.with(item!!.copy(number = item.number!! + lag)) else it
        }
    }

    private fun finish(closed: List<Placed>) {
        finished = finished + closed.map { it.block }
        fence = ""
        codeParts = emptyList()
    }

    /** Complete lines of code that is open, once there are enough of them; of an endless line, all that there is. */
    private fun finishLines(
        source: String,
        code: Placed,
        base: Int,
        lastLine: Int,
    ) {
        val block = code.block as Block.Code
        val last = block.parts.last()
        // What the last line lacks to a line, its end, is there already.
        val partial =
            if (lastLine ==
                source.length
            ) {
                0
            } else {
                last.text.length - lineBegin(last.text, last.text.length - 1)
            }
        val complete = last.text.length - partial
        val isEndless = text.length - begin > limit && complete == 0
        if (!isEndless && last.text.take(complete).count { it == '\n' } < PART_LINES) return
        val opening = source.substring(code.begin, source.indexOf('\n', code.begin) + 1)
        codeParts = block.parts.dropLast(1) + (if (isEndless) last.take(partial - 1) else last.take(complete))
        val rest = last.drop(complete).takeIf { !isEndless && partial > 0 }
        open = listOf(code.with(block.copy(parts = codeParts + listOfNotNull(rest))))
        begin = base + (if (isEndless) source.length else lastLine)
        fence = opening
    }

    /** Whether what is open was too long, and the most of it is finished now. */
    private fun cut(runs: List<Run>): Boolean {
        if (text.length - begin <= limit) return false
        val source = fence + text.substring(begin)
        val line = lineBegin(source, source.length - 1)
        val word = source.lastIndexOf(' ', source.length - 2) + 1
        val end = listOf(line, word, source.length).first { it > fence.length }
        begin += end - fence.length
        finish(continued(read(source.substring(0, end), runs, begin - end)))
        open = emptyList()
        return true
    }

    private fun Placed.with(block: Block) = Placed(begin, block, isOpenCode)

    companion object {
        /** Characters; most paragraphs and list items have less than a tenth of it. */
        const val LIMIT = 8000

        /** A screen of code. */
        const val PART_LINES = 40

        private fun spans(block: Block): Long =
            when (block) {
                is Block.Paragraph -> {
                    block.text.spans.size
                        .toLong()
                }

                is Block.Heading -> {
                    block.text.spans.size
                        .toLong()
                }

                is Block.Quote -> {
                    block.blocks.sumOf(::spans)
                }

                is Block.Item -> {
                    block.blocks.sumOf(::spans)
                }

                // Parts that were finished before are not built again.
                is Block.Code -> {
                    block.parts
                        .last()
                        .spans.size
                        .toLong()
                }

                is Block.Table -> {
                    block.rows.sumOf { row -> row.sumOf { it.spans.size.toLong() } }
                }

                Block.Rule -> {
                    0
                }
            }
    }
}
