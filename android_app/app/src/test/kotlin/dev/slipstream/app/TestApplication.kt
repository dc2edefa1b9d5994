package dev.slipstream.app

import androidx.room.Room
import dev.slipstream.Slipstream
import dev.slipstream.app.chat.ConversationStore
import dev.slipstream.app.chat.EarlierFile
import dev.slipstream.app.check.CheckReport
import dev.slipstream.app.engine.EngineHost
import dev.slipstream.app.history.HistoryDatabase
import dev.slipstream.app.storage.BundleShelf
import dev.slipstream.app.storage.FolderDisk
import dev.slipstream.app.storage.MemorySource
import dev.slipstream.app.storage.PackedBundle
import dev.slipstream.bundle.Bundle
import dev.slipstream.engine.Engine
import dev.slipstream.engine.ScriptedEngine
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancel
import kotlinx.coroutines.withContext
import java.io.File

/** The app with what a test puts in: it is asked for when the first window opens. */
internal class TestApplication : SlipstreamApplication() {
    /** As the real one, it fails where there is no bundle. */
    var openEngine: (File) -> Engine = { file -> Bundle.open(file).use { ScriptedEngine() } }
    var packed: PackedBundle? = null
    var freeMemory = 4_000_000_000L
    val bundles by lazy { File(filesDir, "bundle") }
    val external by lazy { getExternalFilesDir(null)!! }
    val resultFile by lazy { File(external, "self-check.json") }

    private var current: Services? = null
    private var database: HistoryDatabase? = null
    override val services: Services get() = current ?: createServices().also { current = it }

    /**
     * The process is killed, whatever it was doing, and a new one finds nothing in memory and the same files. Windows
     * must be closed.
     */
    fun restart() {
        current?.scope?.cancel()
        current?.host?.unload()
        database?.close()
        current = null
    }

    /** The one of this process; its file is the same after [restart]. */
    private fun database() =
        Room.databaseBuilder(this, HistoryDatabase::class.java, "conversations.db").build().also { database = it }

    override fun createServices(): Services =
        Services(
            host = EngineHost { withContext(Dispatchers.IO) { Slipstream.over(openEngine(it)) } },
            shelf = shelf(),
            conversations = ConversationStore(database(), EarlierFile(File(filesDir, "conversation.json"))),
            report = CheckReport(resultFile, { mapOf("model" to "JVM") }) { "none" },
            packedBundle = packed,
            freeMemory = { freeMemory },
            hasDynamicColour = false,
            works = Works { WorkService.start(this) },
        )

    /** No message can be stored, until [isFull] is no longer so. */
    fun fillDisk(isFull: Boolean = true) =
        database!!.openHelper.writableDatabase.execSQL(
            if (isFull) {
                "CREATE TRIGGER disk BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
            } else {
                "DROP TRIGGER disk"
            },
        )

    /** A bundle that was imported before. */
    fun putBundle(bytes: ByteArray) = shelf().import(MemorySource(bytes), { false }, {})

    /** How often packed weights were freed. */
    var weightsFreed = 0

    private fun shelf() = BundleShelf(FolderDisk(bundles), File(external, "model.litertlm")) { weightsFreed++ }
}
