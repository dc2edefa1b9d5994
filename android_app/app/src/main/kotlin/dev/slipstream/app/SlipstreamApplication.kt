package dev.slipstream.app

import android.app.ActivityManager
import android.app.Application
import android.os.Build
import androidx.room.Room
import dev.slipstream.Slipstream
import dev.slipstream.app.chat.ConversationStore
import dev.slipstream.app.chat.EarlierFile
import dev.slipstream.app.check.CheckReport
import dev.slipstream.app.check.deviceFacts
import dev.slipstream.app.check.thermalStatus
import dev.slipstream.app.engine.EngineHost
import dev.slipstream.app.history.HistoryDatabase
import dev.slipstream.app.storage.BundleShelf
import dev.slipstream.app.storage.FolderDisk
import dev.slipstream.app.storage.PackedBundle
import dev.slipstream.app.storage.openAsset
import dev.slipstream.freePackedWeights
import dev.slipstream.open
import java.io.File

/** The process: it holds what outlives windows. */
public open class SlipstreamApplication : Application() {
    internal open val services: Services by lazy { createServices() }

    internal open fun createServices(): Services {
        val external = getExternalFilesDir(null) ?: File(filesDir, RESULTS)
        return Services(
            host = EngineHost { Slipstream.open(this, it) },
            shelf =
                BundleShelf(FolderDisk(File(filesDir, "bundle")), File(external, PUSHED)) {
                    Slipstream.freePackedWeights(this)
                },
            conversations = conversations(),
            report = CheckReport(File(external, "self-check.json"), ::deviceFacts) { thermalStatus(this) },
            packedBundle = ModelBindings.BUNDLE_ASSET?.let(::packed),
            freeMemory = ::freeMemory,
            hasDynamicColour = Build.VERSION.SDK_INT >= Build.VERSION_CODES.S,
            works = Works { WorkService.start(this) },
        )
    }

    private fun conversations(): ConversationStore {
        val database = Room.databaseBuilder(this, HistoryDatabase::class.java, "conversations.db").build()
        return ConversationStore(database, EarlierFile(File(filesDir, "conversation.json")))
    }

    private fun packed(asset: String) = PackedBundle(ModelBindings.BUNDLE_SHA256) { openAsset(assets, asset) }

    internal fun freeMemory(): Long {
        val memory = ActivityManager.MemoryInfo()
        getSystemService(ActivityManager::class.java)?.getMemoryInfo(memory)
        return memory.availMem
    }

    /** Only from a level on where Android says that processes will be killed, or that this one is in its way. */
    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        if (level == RUNNING_CRITICAL || level >= TRIM_MEMORY_BACKGROUND) services.host.unload()
    }

    private companion object {
        const val PUSHED = "model.litertlm"

        /** Of which res/xml/shared_files.xml knows. */
        const val RESULTS = "results"

        /** TRIM_MEMORY_RUNNING_CRITICAL, which newer Android versions no longer send. */
        const val RUNNING_CRITICAL = 15
    }
}
