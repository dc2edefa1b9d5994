package dev.slipstream.app.chat.markdown

import androidx.compose.foundation.horizontalScroll
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.size
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.text.selection.DisableSelection
import androidx.compose.material3.Icon
import androidx.compose.material3.IconButton
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.CompositionLocalProvider
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.LocalClipboardManager
import androidx.compose.ui.platform.LocalLayoutDirection
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.painterResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.text.AnnotatedString
import androidx.compose.ui.text.font.FontFamily
import androidx.compose.ui.text.style.TextDirection
import androidx.compose.ui.unit.LayoutDirection
import androidx.compose.ui.unit.dp
import dev.slipstream.app.R

/** Code as it stands, from left to right in every language; what is wider than the window is scrolled to. */
@Composable
internal fun CodeView(block: Block.Code) {
    Surface(
        Modifier.fillMaxWidth().testTag("code"),
        color = MaterialTheme.colorScheme.surfaceContainerHigh,
        contentColor = MaterialTheme.colorScheme.onSurface,
        shape = MaterialTheme.shapes.medium,
    ) {
        Column {
            DisableSelection { CodeTitle(block) }
            CompositionLocalProvider(LocalLayoutDirection provides LayoutDirection.Ltr) {
                Column(
                    Modifier
                        .horizontalScroll(
                            rememberScrollState(),
                        ).padding(start = 12.dp, end = 12.dp, bottom = 12.dp),
                ) {
                    for (part in block.parts) CodePart(part)
                }
            }
        }
    }
}

@Composable
private fun CodeTitle(block: Block.Code) {
    val clipboard = LocalClipboardManager.current
    Row(verticalAlignment = Alignment.CenterVertically) {
        Text(
            block.language.ifEmpty { stringResource(R.string.chat_code) },
            Modifier.weight(1f).padding(start = 12.dp),
            style = MaterialTheme.typography.labelMedium,
        )
        IconButton({ clipboard.setText(AnnotatedString(block.text)) }, Modifier.testTag("copy-code")) {
            Icon(painterResource(R.drawable.ic_copy), stringResource(R.string.chat_copy_code), Modifier.size(18.dp))
        }
    }
}

@Composable
private fun CodePart(part: StyledText) {
    // The line's end that every line has would be one more, empty line.
    val text = if (part.text.endsWith('\n')) part.take(part.text.length - 1) else part
    Text(
        annotated(text),
        softWrap = false,
        style =
            MaterialTheme.typography.bodyMedium.copy(
                fontFamily = FontFamily.Monospace,
                textDirection = TextDirection.Ltr,
            ),
    )
}
