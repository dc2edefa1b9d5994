package dev.slipstream.app.history

import androidx.room.ColumnInfo
import androidx.room.Entity
import androidx.room.ForeignKey

/** What one side said, at [position] from 0 on. [runs] tell where each stretch of a reply's text came from, as JSON. */
@Entity(
    tableName = "messages",
    primaryKeys = ["conversation_id", "position"],
    foreignKeys = [
        ForeignKey(
            entity = ConversationRow::class,
            parentColumns = ["id"],
            childColumns = ["conversation_id"],
            onDelete = ForeignKey.CASCADE,
        ),
    ],
)
internal data class MessageRow(
    @ColumnInfo(name = "conversation_id") val conversationId: Long,
    val position: Int,
    @ColumnInfo(name = "is_user") val isUser: Boolean,
    val text: String,
    val thought: String = "",
    val runs: String = "[]",
)
