package dev.slipstream.app.chat.markdown

import androidx.compose.foundation.background
import androidx.compose.foundation.horizontalScroll
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.rememberScrollState
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.layout.Layout
import androidx.compose.ui.layout.Measurable
import androidx.compose.ui.layout.MeasureResult
import androidx.compose.ui.layout.MeasureScope
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.text.TextStyle
import androidx.compose.ui.text.font.FontWeight
import androidx.compose.ui.unit.Constraints
import androidx.compose.ui.unit.dp

/** Columns as wide as their widest cell, up to [MOST_WIDTH]; what is wider than the window is scrolled to. */
@Composable
internal fun TableView(
    block: Block.Table,
    style: TextStyle,
) {
    val columns = maxOf(1, block.rows.firstOrNull()?.size ?: 0)
    Layout(
        content = { block.rows.forEachIndexed { index, row -> row.forEach { Cell(it, index == 0, style) } } },
        Modifier.horizontalScroll(rememberScrollState()).testTag("table"),
    ) { cells, _ -> grid(cells, columns) }
}

@Composable
private fun Cell(
    text: StyledText,
    isHead: Boolean,
    style: TextStyle,
) {
    val color = MaterialTheme.colorScheme.surfaceContainerHigh
    Text(
        annotated(text),
        (if (isHead) Modifier.background(color) else Modifier).padding(horizontal = 12.dp, vertical = 6.dp),
        style = if (isHead) style.copy(fontWeight = FontWeight.Bold) else style,
    )
}

private fun MeasureScope.grid(
    cells: List<Measurable>,
    columns: Int,
): MeasureResult {
    val most = MOST_WIDTH.roundToPx()
    val widths = IntArray(columns)
    cells.forEachIndexed { index, cell ->
        val width = minOf(most, cell.maxIntrinsicWidth(Constraints.Infinity))
        widths[index % columns] = maxOf(widths[index % columns], width)
    }
    val heights =
        cells.chunked(columns).map { row ->
            row.withIndex().maxOf { (column, cell) -> cell.maxIntrinsicHeight(widths[column]) }
        }
    val placed =
        cells.mapIndexed { index, cell ->
            cell.measure(Constraints.fixed(widths[index % columns], heights[index / columns]))
        }
    return layout(widths.sum(), heights.sum()) {
        placed.forEachIndexed { index, cell ->
            val x = widths.take(index % columns).sum()
            cell.placeRelative(x, heights.take(index / columns).sum())
        }
    }
}

private val MOST_WIDTH = 240.dp
