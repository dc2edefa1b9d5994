package dev.slipstream.app

import dev.slipstream.app.chat.ChatModel
import dev.slipstream.app.chat.ConversationStore
import dev.slipstream.app.check.CheckModel
import dev.slipstream.app.check.CheckReport
import dev.slipstream.app.conversations.HistoryModel
import dev.slipstream.app.engine.EngineHost
import dev.slipstream.app.model.ShelfModel
import dev.slipstream.app.setup.SetupModel
import dev.slipstream.app.storage.BundleShelf
import dev.slipstream.app.storage.PackedBundle
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.MainScope

/** What the screens stand on: one of each a process. Tests have their own. */
internal class Services(
    val host: EngineHost,
    val shelf: BundleShelf,
    val conversations: ConversationStore,
    val report: CheckReport,
    /** The bundle that is packed into the APK; null where there is none. */
    val packedBundle: PackedBundle?,
    /** Bytes of memory that are free now. */
    val freeMemory: () -> Long,
    val hasDynamicColour: Boolean,
    val io: CoroutineDispatcher = Dispatchers.IO,
    /** For what outlives a window. */
    val scope: CoroutineScope = MainScope(),
    /** What goes on whether or not a window shows it. */
    val works: Works = Works(),
) {
    val setup: SetupModel by lazy { SetupModel(this) }
    val chat: ChatModel by lazy { ChatModel(this) }
    val check: CheckModel by lazy { CheckModel(this) }
    val bundles: ShelfModel by lazy { ShelfModel(this) }
    val history: HistoryModel by lazy { HistoryModel(this) }
}
