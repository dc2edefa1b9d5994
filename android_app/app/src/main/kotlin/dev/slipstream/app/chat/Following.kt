package dev.slipstream.app.chat

import androidx.compose.foundation.lazy.LazyListState
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.MutableState
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.snapshotFlow

/**
 * Whether [list] stays at its end while that grows: until its user scrolls up, and again once they are back at the end,
 * or said something, which makes [messages] more.
 */
@Composable
internal fun following(
    list: LazyListState,
    messages: Int,
): MutableState<Boolean> {
    val following = rememberSaveable { mutableStateOf(true) }
    LaunchedEffect(list) {
        snapshotFlow { list.isScrollInProgress to list.canScrollForward }.collect { (isScrolled, isBeforeEnd) ->
            if (isScrolled) following.value = !isBeforeEnd
        }
    }
    LaunchedEffect(messages) { following.value = true }
    return following
}

/** To the end of the last item, however long that is. */
internal suspend fun LazyListState.scrollToEnd() {
    val last = layoutInfo.totalItemsCount - 1
    if (last >= 0) scrollToItem(last, Int.MAX_VALUE / 2)
}
