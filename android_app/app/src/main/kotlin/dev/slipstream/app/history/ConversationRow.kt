package dev.slipstream.app.history

import androidx.room.ColumnInfo
import androidx.room.Embedded
import androidx.room.Entity
import androidx.room.PrimaryKey

/**
 * One conversation without its messages. [snapshot] is the library's JSON, null before the first reply has ended: with
 * the messages it is all that is needed to go on. The first [forgotten] messages have left the context, of which
 * [usedTokens] were used. [draft] was typed and not yet sent. [isDeleted]: hidden, until it can no longer be undone.
 */
@Entity(tableName = "conversations")
internal data class ConversationRow(
    @PrimaryKey(autoGenerate = true) val id: Long = 0,
    val title: String = "",
    @ColumnInfo(name = "changed_millis") val changedMillis: Long,
    @ColumnInfo(name = "opened_millis") val openedMillis: Long,
    @ColumnInfo(name = "is_plain") val isPlain: Boolean = false,
    val snapshot: String? = null,
    val forgotten: Int = 0,
    @ColumnInfo(name = "used_tokens") val usedTokens: Int = 0,
    val draft: String = "",
    @ColumnInfo(name = "is_deleted") val isDeleted: Boolean = false,
    @Embedded val settings: ChatSettings = ChatSettings(),
)
