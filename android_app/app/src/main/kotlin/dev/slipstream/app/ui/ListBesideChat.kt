package dev.slipstream.app.ui

import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.BoxWithConstraints
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.width
import androidx.compose.material3.VerticalDivider
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.semantics.isTraversalGroup
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.semantics.traversalIndex
import androidx.compose.ui.unit.dp

/** Both in a window with room for them, where they are told that they are beside each other; else one of them. */
@Composable
internal fun ListBesideChat(
    list: @Composable (isBeside: Boolean) -> Unit,
    chat: @Composable (isBeside: Boolean) -> Unit,
    isListShown: Boolean,
) {
    BoxWithConstraints {
        when {
            maxWidth >= WIDE -> {
                Row {
                    Box(Modifier.width(LIST_WIDTH).read(0)) { list(true) }
                    VerticalDivider()
                    Box(Modifier.weight(1f).read(1)) { chat(true) }
                }
            }

            isListShown -> {
                list(false)
            }

            else -> {
                chat(false)
            }
        }
    }
}

/** Is read whole, as number [turn]: from right to left Compose would begin with the chat. */
private fun Modifier.read(turn: Int) =
    semantics {
        isTraversalGroup = true
        traversalIndex = turn.toFloat()
    }

/** What Android calls an expanded window. */
private val WIDE = 840.dp
private val LIST_WIDTH = 320.dp
