package dev.slipstream.app.ui

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.ColumnScope
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.widthIn
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.verticalScroll
import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.unit.Dp
import androidx.compose.ui.unit.dp

/** [content] no wider than lines are read well, in the middle of a tablet's window. */
@Composable
internal fun ReadingWidth(
    modifier: Modifier = Modifier,
    content: @Composable () -> Unit,
) {
    Box(modifier.fillMaxWidth(), contentAlignment = Alignment.TopCenter) {
        Box(Modifier.widthIn(max = READING_WIDTH).fillMaxWidth()) { content() }
    }
}

/** A page of [content], one below the other, that is scrolled as a whole; [edge] is free around it. */
@Composable
internal fun ReadingPage(
    modifier: Modifier,
    edge: Dp,
    content: @Composable ColumnScope.() -> Unit,
) {
    ReadingWidth(modifier.fillMaxSize().verticalScroll(rememberScrollState())) {
        Column(Modifier.padding(edge), verticalArrangement = Arrangement.spacedBy(16.dp), content = content)
    }
}

/** About 80 letters of the body's size. */
internal val READING_WIDTH = 640.dp
