package dev.slipstream.app.history

import androidx.room.Dao
import androidx.room.Insert
import androidx.room.Query
import androidx.room.Transaction
import androidx.room.Update
import androidx.room.Upsert
import kotlinx.coroutines.flow.Flow

/** The accesses to the database. All throw SQLiteException, a full disk's among them. */
@Dao
internal interface HistoryDao {
    /** Those that have a message, the newest first; with [pattern], a LIKE's, those whose title or text matches it. */
    @Query(
        "SELECT id, title, changed_millis FROM conversations WHERE is_deleted = 0 " +
            "AND EXISTS (SELECT 1 FROM messages WHERE conversation_id = conversations.id) " +
            "AND (:pattern = '' OR title LIKE :pattern ESCAPE '\\' OR EXISTS (SELECT 1 FROM messages " +
            "WHERE conversation_id = conversations.id AND text LIKE :pattern ESCAPE '\\')) " +
            "ORDER BY changed_millis DESC, id DESC",
    )
    fun list(pattern: String): Flow<List<ConversationItem>>

    /** The one that was opened last. */
    @Query("SELECT * FROM conversations WHERE is_deleted = 0 ORDER BY opened_millis DESC, id DESC LIMIT 1")
    suspend fun latest(): ConversationRow?

    @Query("SELECT * FROM conversations WHERE id = :id")
    suspend fun find(id: Long): ConversationRow?

    @Query("SELECT * FROM messages WHERE conversation_id = :id ORDER BY position")
    suspend fun messages(id: Long): List<MessageRow>

    @Insert
    suspend fun insert(row: ConversationRow): Long

    @Update
    suspend fun update(row: ConversationRow)

    @Upsert
    suspend fun upsert(rows: List<MessageRow>)

    @Query("DELETE FROM messages WHERE conversation_id = :id AND position >= :from")
    suspend fun deleteMessages(
        id: Long,
        from: Int,
    )

    /** The conversation as [row] and [messages] have it, which are those from [from] on. */
    @Transaction
    suspend fun keep(
        row: ConversationRow,
        messages: List<MessageRow>,
        from: Int,
    ) {
        update(row)
        deleteMessages(row.id, from)
        upsert(messages)
    }

    /** A conversation from elsewhere. Returns its id. */
    @Transaction
    suspend fun insert(
        row: ConversationRow,
        messages: List<MessageRow>,
    ): Long {
        val id = insert(row)
        upsert(messages.map { it.copy(conversationId = id) })
        return id
    }

    @Query("DELETE FROM conversations WHERE is_deleted = 1")
    suspend fun purge()

    /** New ones that nothing was ever said or typed in, but for [except]. */
    @Query(
        "DELETE FROM conversations WHERE id != :except AND draft = '' " +
            "AND NOT EXISTS (SELECT 1 FROM messages WHERE conversation_id = conversations.id)",
    )
    suspend fun deleteEmpty(except: Long)
}
