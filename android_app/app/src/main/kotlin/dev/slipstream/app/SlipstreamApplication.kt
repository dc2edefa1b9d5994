package dev.slipstream.app

import android.app.ActivityManager
import android.app.Application
import android.os.Build
import android.util.Log
import dev.slipstream.app.chat.ConversationStore
import dev.slipstream.app.check.CheckReport
import dev.slipstream.app.check.deviceFacts
import dev.slipstream.app.check.thermalStatus
import dev.slipstream.app.engine.EngineHost
import dev.slipstream.app.engine.LiteRtEngine
import dev.slipstream.app.storage.BundleShelf
import dev.slipstream.app.storage.FolderDisk
import dev.slipstream.app.storage.PackedBundle
import dev.slipstream.app.storage.openAsset
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.KnownDrafting
import dev.slipstream.litert.PackedWeights
import java.io.File

/** The process: it holds what outlives windows. */
public open class SlipstreamApplication : Application() {
    internal open val services: Services by lazy { createServices() }

    internal open fun createServices(): Services {
        val external = getExternalFilesDir(null) ?: filesDir
        return Services(
            host = EngineHost(::openEngine),
            shelf = BundleShelf(FolderDisk(File(filesDir, "bundle")), File(external, PUSHED)),
            conversations = ConversationStore(File(filesDir, "conversation.json")),
            report = CheckReport(File(external, "self-check.json"), ::deviceFacts) { thermalStatus(this) },
            packedBundle = ModelBindings.BUNDLE_ASSET?.let(::packed),
            freeMemory = ::freeMemory,
            hasDynamicColour = Build.VERSION.SDK_INT >= Build.VERSION_CODES.S,
        )
    }

    private fun packed(asset: String) = PackedBundle(ModelBindings.BUNDLE_SHA256) { openAsset(assets, asset) }

    /** Of packed weights, which are as large as the bundle, those of the one that is loaded stay. */
    private fun openEngine(file: File): LiteRtEngine {
        val weights = PackedWeights(cacheDir, limit = 0) { Log.w("slipstream", it) }
        return LiteRtEngine(BundleRuntime(file, threads(), weights, known = KnownDrafting(cacheDir)))
    }

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
        const val MOST_THREADS = 4

        /** TRIM_MEMORY_RUNNING_CRITICAL, which newer Android versions no longer send. */
        const val RUNNING_CRITICAL = 15

        /** The big cores of most phones: more threads wait for the slowest one. */
        fun threads() = minOf(MOST_THREADS, Runtime.getRuntime().availableProcessors())
    }
}
