package dev.slipstream.app.chat

import androidx.room.withTransaction
import dev.slipstream.ChatSnapshot
import dev.slipstream.app.history.ChatSettings
import dev.slipstream.app.history.ConversationItem
import dev.slipstream.app.history.ConversationRow
import dev.slipstream.app.history.HistoryDatabase
import dev.slipstream.app.history.MessageRow
import dev.slipstream.errors.UsageException
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/**
 * The conversations of [database]. [earlier] is taken over when the first one is asked for. Any thread may call; all throw
 * SQLiteException where the disk is full or fails, and nothing is changed then.
 */
internal class ConversationStore(
    private val database: HistoryDatabase,
    private val earlier: EarlierFile,
    private val millis: () -> Long = System::currentTimeMillis,
) {
    private val dao = database.dao()
    private val taking = Mutex()

    /** Titles and ids, the newest first; of those that have [search] in the title or in what was said. */
    fun list(search: String): Flow<List<ConversationItem>> = dao.list(pattern(search.trim()))

    /** The one that was opened last, or null. */
    suspend fun latest(): Conversation? {
        takeOver()
        return dao.latest()?.let { conversation(it) }
    }

    /** The conversation [id], which is the latest from now on; null where it was deleted. */
    suspend fun open(id: Long): Conversation? {
        val row = dao.find(id)?.takeIf { !it.isDeleted } ?: return null
        val opened = row.copy(openedMillis = millis())
        dao.update(opened)
        return conversation(opened)
    }

    /** A new one, the latest from now on. Those that nothing was said or typed in are gone. */
    suspend fun create(
        settings: ChatSettings,
        isPlain: Boolean,
    ): Conversation {
        val now = millis()
        val row = ConversationRow(changedMillis = now, openedMillis = now, isPlain = isPlain, settings = settings)
        val id = dao.insert(row)
        dao.deleteEmpty(except = id)
        return Conversation(id, settings = settings, isPlain = isPlain)
    }

    /** Keeps [messages] from [from] on and what [conversation] is otherwise, its title too where it had none. */
    suspend fun keep(
        conversation: Conversation,
        from: Int = 0,
    ) {
        database.withTransaction {
            val row = dao.find(conversation.id) ?: return@withTransaction
            val messages = conversation.messages.drop(from).mapIndexed { i, it -> row(conversation.id, from + i, it) }
            dao.keep(row(conversation, row), messages, from)
        }
    }

    /** Keeps how far the reply at [position] has come. */
    suspend fun keepGrowing(
        id: Long,
        position: Int,
        message: Message,
    ) = dao.upsert(listOf(row(id, position, message)))

    suspend fun keepDraft(
        id: Long,
        draft: String,
    ) = change(id) { it.copy(draft = draft) }

    suspend fun keepSettings(
        id: Long,
        settings: ChatSettings,
    ) = change(id) { it.copy(settings = settings) }

    suspend fun rename(
        id: Long,
        title: String,
    ) = change(id) { it.copy(title = title.trim()) }

    /** Hides it until [restore], or for good with [purge]. */
    suspend fun delete(id: Long) = change(id) { it.copy(isDeleted = true) }

    suspend fun restore(id: Long) = change(id) { it.copy(isDeleted = false) }

    /** What was deleted can't come back from here on. */
    suspend fun purge() = dao.purge()

    private suspend fun change(
        id: Long,
        change: (ConversationRow) -> ConversationRow,
    ) = database.withTransaction { dao.find(id)?.let { dao.update(change(it)) } ?: Unit }

    /** The file goes when its conversation is in the database, not before. */
    private suspend fun takeOver() =
        taking.withLock {
            val found = earlier.read() ?: return@withLock
            val now = millis()
            val row = row(found, ConversationRow(changedMillis = now, openedMillis = now, isPlain = found.isPlain))
            dao.insert(row, found.messages.mapIndexed { i, message -> row(id = 0, i, message) })
            earlier.remove()
        }

    private suspend fun conversation(row: ConversationRow) =
        Conversation(
            row.id,
            dao.messages(row.id).map { Message(it.isUser, it.text, runsOf(it.runs), it.thought) },
            row.settings,
            row.isPlain,
            row.snapshot?.let(::snapshot),
            row.forgotten,
            row.usedTokens,
            row.draft,
        )

    /** One of a later version of the library is none: the messages are all that is needed. */
    private fun snapshot(json: String): ChatSnapshot? =
        try {
            ChatSnapshot.parse(json)
        } catch (_: UsageException) {
            null
        }

    private fun row(
        conversation: Conversation,
        before: ConversationRow,
    ) = before.copy(
        title = before.title.ifEmpty { title(conversation.messages) },
        changedMillis = millis(),
        snapshot = conversation.chat?.toJson(),
        forgotten = conversation.forgotten,
        usedTokens = conversation.usedTokens,
    )

    private fun row(
        id: Long,
        position: Int,
        message: Message,
    ) = MessageRow(id, position, message.isUser, message.text, message.thought, runsToJson(message.runs))

    private companion object {
        const val TITLE_LENGTH = 60

        fun title(messages: List<Message>): String {
            val line =
                messages
                    .firstOrNull { it.isUser }
                    ?.text
                    ?.trim()
                    ?.lineSequence()
                    ?.first()
                    .orEmpty()
            return if (line.length <=
                TITLE_LENGTH
            ) {
                line
            } else {
                line.take(TITLE_LENGTH).dropLastWhile {
                    it.isHighSurrogate() ||
                        it.isWhitespace()
                } +
                    "…"
            }
        }

        /** For LIKE, in which these characters mean something. */
        fun pattern(search: String): String =
            if (search.isEmpty()) "" else "%" + search.replace(Regex("[\\\\%_]")) { "\\" + it.value } + "%"
    }
}
