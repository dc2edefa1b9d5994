package dev.slipstream.app.ui

import androidx.compose.material3.AlertDialog
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.CompositionLocalProvider
import androidx.compose.runtime.compositionLocalOf
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.LocalUriHandler
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.text.LinkAnnotation
import androidx.compose.ui.text.SpanStyle
import androidx.compose.ui.text.TextLinkStyles
import androidx.compose.ui.text.style.TextDecoration
import dev.slipstream.app.R

/** What a link is opened by. */
internal val LocalOpenLink = compositionLocalOf<(String) -> Unit> { {} }

/** Underlined and no more: a colour of its own would not be read on each tint. */
internal fun link(
    destination: String,
    open: (String) -> Unit,
) = LinkAnnotation.Clickable(
    destination,
    TextLinkStyles(SpanStyle(textDecoration = TextDecoration.Underline)),
) { open(destination) }

/** Shows where a link of [content] leads before it leaves the app: its words may say another thing. */
@Composable
internal fun WithLinks(content: @Composable () -> Unit) {
    var asked by rememberSaveable { mutableStateOf<String?>(null) }
    val open = remember { { address: String -> asked = address } }
    CompositionLocalProvider(LocalOpenLink provides open, content)
    val address = asked ?: return
    val handler = LocalUriHandler.current
    AlertDialog(
        onDismissRequest = { asked = null },
        confirmButton = {
            TextButton(
                {
                    asked = null
                    // IllegalArgumentException where no app opens it, which is nothing to end the app for.
                    runCatching { handler.openUri(address) }
                },
                Modifier.testTag("open-link"),
            ) { Text(stringResource(R.string.chat_link_open)) }
        },
        dismissButton = { TextButton({ asked = null }) { Text(stringResource(R.string.cancel)) } },
        title = { Text(stringResource(R.string.chat_link_title)) },
        text = { Text(address) },
    )
}
