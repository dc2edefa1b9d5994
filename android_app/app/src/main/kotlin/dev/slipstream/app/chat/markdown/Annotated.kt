package dev.slipstream.app.chat.markdown

import androidx.compose.material3.ColorScheme
import androidx.compose.material3.MaterialTheme
import androidx.compose.runtime.Composable
import androidx.compose.runtime.compositionLocalOf
import androidx.compose.runtime.remember
import androidx.compose.ui.text.AnnotatedString
import androidx.compose.ui.text.SpanStyle
import androidx.compose.ui.text.buildAnnotatedString
import androidx.compose.ui.text.font.FontFamily
import androidx.compose.ui.text.font.FontStyle
import androidx.compose.ui.text.font.FontWeight
import dev.slipstream.app.ui.LocalOpenLink
import dev.slipstream.app.ui.link

/** Whether stretches of a reply are on the colour of where they came from. */
internal val LocalShowsOrigins = compositionLocalOf { true }

/** [text] in the theme's colours. */
@Composable
internal fun annotated(text: StyledText): AnnotatedString {
    val colors = MaterialTheme.colorScheme
    val showsOrigins = LocalShowsOrigins.current
    val open = LocalOpenLink.current
    return remember(text, colors, showsOrigins, open) {
        buildAnnotatedString {
            append(text.text)
            for (span in text.spans) {
                if (span.style == Style.LINK) {
                    addLink(link(span.destination.orEmpty(), open), span.begin, span.end)
                } else {
                    spanStyle(span.style, colors, showsOrigins)?.let { addStyle(it, span.begin, span.end) }
                }
            }
        }
    }
}

private fun spanStyle(
    style: Style,
    colors: ColorScheme,
    showsOrigins: Boolean,
): SpanStyle? =
    when (style) {
        Style.STRONG -> SpanStyle(fontWeight = FontWeight.Bold)
        Style.EMPHASIS -> SpanStyle(fontStyle = FontStyle.Italic)
        Style.CODE -> SpanStyle(fontFamily = FontFamily.Monospace)
        Style.LINK -> null
        Style.ACCEPTED -> SpanStyle(colors.onPrimaryContainer, background = colors.primaryContainer)
        Style.OWN -> SpanStyle(colors.onTertiaryContainer, background = colors.tertiaryContainer)
    }.takeIf { showsOrigins || (style != Style.ACCEPTED && style != Style.OWN) }
