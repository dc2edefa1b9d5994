package dev.slipstream.app.history

import androidx.room.Database
import androidx.room.RoomDatabase

/** The conversations, in the app's own folder; `schemas/` has each version's tables. */
@Database(entities = [ConversationRow::class, MessageRow::class], version = 1)
internal abstract class HistoryDatabase : RoomDatabase() {
    abstract fun dao(): HistoryDao
}
