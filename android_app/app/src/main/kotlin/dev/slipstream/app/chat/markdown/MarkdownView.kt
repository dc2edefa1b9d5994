package dev.slipstream.app.chat.markdown

import androidx.compose.foundation.background
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.IntrinsicSize
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxHeight
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.height
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.width
import androidx.compose.foundation.layout.widthIn
import androidx.compose.material3.HorizontalDivider
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.remember
import androidx.compose.ui.Modifier
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.TextStyle
import androidx.compose.ui.text.style.TextDirection
import androidx.compose.ui.unit.dp
import dev.slipstream.app.chat.Run

/** [text] as Markdown, in [style]; [runs] tint it by where it came from. What is finished is laid out once. */
@Composable
internal fun MarkdownView(
    text: String,
    style: TextStyle,
    modifier: Modifier = Modifier,
    runs: List<Run> = emptyList(),
) {
    val growing = remember { GrowingMarkdown() }
    val markdown = remember(text, runs) { growing.update(text, runs) }
    // Each paragraph goes as its own language does, whatever the window's is.
    val content = style.copy(textDirection = TextDirection.Content)
    Column(modifier, verticalArrangement = Arrangement.spacedBy(BETWEEN_BLOCKS)) {
        Blocks(markdown.finished, content)
        Blocks(markdown.open, content)
    }
}

@Composable
private fun Blocks(
    blocks: List<Block>,
    style: TextStyle,
) {
    for (block in blocks) BlockView(block, style)
}

@Composable
private fun BlockView(
    block: Block,
    style: TextStyle,
) {
    when (block) {
        is Block.Paragraph -> Text(annotated(block.text), style = style)
        is Block.Heading -> HeadingView(block)
        is Block.Quote -> QuoteView(block, style)
        is Block.Item -> ItemView(block, style)
        is Block.Code -> CodeView(block)
        is Block.Table -> TableView(block, style)
        Block.Rule -> HorizontalDivider(Modifier.padding(vertical = 4.dp))
    }
}

@Composable
private fun HeadingView(block: Block.Heading) {
    val types = MaterialTheme.typography
    val style =
        when (block.level) {
            1 -> types.titleLarge
            2 -> types.titleMedium
            else -> types.titleSmall
        }
    Text(
        annotated(block.text),
        Modifier.semantics { heading() },
        style = style.copy(textDirection = TextDirection.Content),
    )
}

@Composable
private fun QuoteView(
    block: Block.Quote,
    style: TextStyle,
) {
    Row(Modifier.height(IntrinsicSize.Min)) {
        Box(Modifier.width(3.dp).fillMaxHeight().background(MaterialTheme.colorScheme.outlineVariant))
        Column(Modifier.padding(start = 12.dp), verticalArrangement = Arrangement.spacedBy(BETWEEN_BLOCKS)) {
            Blocks(block.blocks, style.copy(color = MaterialTheme.colorScheme.onSurfaceVariant))
        }
    }
}

@Composable
private fun ItemView(
    block: Block.Item,
    style: TextStyle,
) {
    Row(Modifier.fillMaxWidth()) {
        val marker = block.number?.let { "$it${block.delimiter}" } ?: BULLET
        Text(marker, Modifier.widthIn(min = 20.dp).padding(end = 6.dp), style = style)
        Column(Modifier.weight(1f), verticalArrangement = Arrangement.spacedBy(4.dp)) { Blocks(block.blocks, style) }
    }
}

private const val BULLET = "•"
private val BETWEEN_BLOCKS = 8.dp
