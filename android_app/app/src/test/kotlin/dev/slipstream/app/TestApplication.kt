package dev.slipstream.app

import dev.slipstream.Slipstream
import dev.slipstream.app.chat.ConversationStore
import dev.slipstream.app.check.CheckReport
import dev.slipstream.app.engine.EngineHost
import dev.slipstream.app.storage.BundleShelf
import dev.slipstream.app.storage.FolderDisk
import dev.slipstream.app.storage.MemorySource
import dev.slipstream.app.storage.PackedBundle
import dev.slipstream.engine.Engine
import dev.slipstream.engine.ScriptedEngine
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.io.File

/** The app with what a test puts in: it is asked for when the first window opens. */
internal class TestApplication : SlipstreamApplication() {
    var openEngine: (File) -> Engine = { ScriptedEngine() }
    var packed: PackedBundle? = null
    var freeMemory = 4_000_000_000L
    val bundles by lazy { File(filesDir, "bundle") }
    val external by lazy { getExternalFilesDir(null)!! }
    val resultFile by lazy { File(external, "self-check.json") }

    private var current: Services? = null
    override val services: Services get() = current ?: createServices().also { current = it }

    /** What a new process finds: nothing in memory, the same files. Windows must be closed. */
    fun restart() {
        current?.host?.unload()
        current = null
    }

    override fun createServices(): Services =
        Services(
            host = EngineHost { withContext(Dispatchers.IO) { Slipstream.over(openEngine(it)) } },
            shelf = shelf(),
            conversations = ConversationStore(File(filesDir, "conversation.json")),
            report = CheckReport(resultFile, { mapOf("model" to "JVM") }) { "none" },
            packedBundle = packed,
            freeMemory = { freeMemory },
            hasDynamicColour = false,
        )

    /** A bundle that was imported before. */
    fun putBundle(bytes: ByteArray) = shelf().import(MemorySource(bytes), { false }, {})

    /** How often packed weights were freed. */
    var weightsFreed = 0

    private fun shelf() = BundleShelf(FolderDisk(bundles), File(external, "model.litertlm")) { weightsFreed++ }
}
