package dev.slipstream.app.history

import androidx.room.ColumnInfo

/** A line of the list of conversations. */
internal data class ConversationItem(
    val id: Long,
    val title: String,
    @ColumnInfo(name = "changed_millis") val changedMillis: Long,
)
