package dev.slipstream.app.ui

import androidx.activity.compose.BackHandler
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import dev.slipstream.ModelInfo
import dev.slipstream.app.Works
import dev.slipstream.app.chat.ChatActions
import dev.slipstream.app.chat.ChatModel
import dev.slipstream.app.chat.ChatScreen
import dev.slipstream.app.check.CheckActions
import dev.slipstream.app.check.CheckModel
import dev.slipstream.app.check.CheckScreen
import dev.slipstream.app.conversations.HistoryActions
import dev.slipstream.app.conversations.HistoryModel
import dev.slipstream.app.conversations.HistoryScreen
import dev.slipstream.app.engine.EngineState
import dev.slipstream.app.model.ModelActions
import dev.slipstream.app.model.ModelScreen
import dev.slipstream.app.model.ShelfModel
import dev.slipstream.app.setup.SetupActions
import dev.slipstream.app.setup.SetupAdvice
import dev.slipstream.app.setup.SetupModel
import dev.slipstream.app.setup.SetupScreen

/** The models of the screens, and what only the window can do. */
internal class Window(
    val setup: SetupModel,
    val chat: ChatModel,
    val check: CheckModel,
    val shelf: ShelfModel,
    val history: HistoryModel,
    val works: Works,
    val advice: SetupAdvice,
    val onPick: () -> Unit,
    val onShare: () -> Unit,
    val onScreen: (Screen) -> Unit,
    val onReload: () -> Unit,
)

/** One screen at a time, the setup until a bundle is loaded, then [screen]; in a wide window, conversations with chat. */
@Composable
internal fun SlipstreamScreens(
    engine: EngineState,
    screen: Screen,
    window: Window,
) {
    val works by window.works.state.collected()
    KeepScreenOn(works.isNotEmpty())
    val info = (engine as? EngineState.Ready)?.info ?: (engine as? EngineState.Unloaded)?.info
    when {
        info == null -> Setup(window)
        screen == Screen.CHECK -> Check(window)
        screen == Screen.MODEL -> Model(window)
        else -> Conversations(screen, window, info, engine is EngineState.Unloaded)
    }
}

@Composable
private fun Conversations(
    screen: Screen,
    window: Window,
    info: ModelInfo,
    isUnloaded: Boolean,
) {
    ListBesideChat(
        list = { isBeside -> History(window, isBeside) },
        chat = { isBeside -> Chat(window, info, isUnloaded, isBeside) },
        isListShown = screen == Screen.CONVERSATIONS,
    )
}

@Composable
private fun Setup(window: Window) {
    val state by window.setup.state.collected()
    val setup = window.setup
    val actions =
        SetupActions(
            window.onPick,
            setup::lookAgain,
            setup::stop,
            setup::loadAnyway,
            setup::chooseAnother,
            setup::use,
        )
    SetupScreen(state, window.advice, actions)
}

@Composable
private fun Check(window: Window) {
    val state by window.check.state.collected()
    BackHandler { window.onScreen(Screen.CHAT) }
    val actions =
        CheckActions(window.check::run, window.check::stop, window.onShare) { window.onScreen(Screen.CHAT) }
    CheckScreen(state, actions)
}

@Composable
private fun Model(window: Window) {
    val bundles by window.shelf.bundles.collected()
    BackHandler { window.onScreen(Screen.CHAT) }
    LaunchedEffect(window) { window.shelf.refresh() }
    val actions =
        ModelActions(
            onUse = window.setup::use,
            onDelete = { window.shelf.delete(it, onChosenGone = window.setup::lookAgain) },
            onPick = window.onPick,
            onSelfCheck = { window.onScreen(Screen.CHECK) },
            onBack = { window.onScreen(Screen.CHAT) },
        )
    ModelScreen(bundles, window.shelf.freeMemory, window.shelf.freeSpace, actions)
}

@Composable
private fun History(
    window: Window,
    isBeside: Boolean,
) {
    val state by window.history.state.collected()
    val chat by window.chat.state.collected()
    val back = { window.onScreen(Screen.CHAT) }
    BackHandler(!isBeside, back)
    val actions =
        HistoryActions(
            onBack = back.takeUnless { isBeside },
            onNew = {
                window.chat.startAnew()
                back()
            },
            onOpen = {
                window.chat.open(it.id)
                back()
            },
            onSearch = window.history::search,
            onRename = { item, title -> window.history.rename(item.id, title) },
            onDelete = window.history::delete,
            onUndo = window.history::undo,
            onUndoGone = window.history::forgetUndo,
        )
    HistoryScreen(state, actions, chat.conversation.takeIf { isBeside })
}

@Composable
private fun Chat(
    window: Window,
    info: ModelInfo,
    isUnloaded: Boolean,
    isBeside: Boolean,
) {
    val state by window.chat.state.collected()
    val chat = window.chat
    val actions =
        ChatActions(
            onSend = chat::send,
            onStop = chat::stop,
            onRetry = chat::regenerate,
            onGoOn = chat::goOn,
            onEdit = chat::edit,
            onTakeBack = chat::takeBack,
            onTakenBackShown = chat::takenBackShown,
            onDraft = chat::setDraft,
            onNew = { chat.startAnew() },
            onConversations = { window.onScreen(Screen.CONVERSATIONS) }.takeUnless { isBeside },
            onMode = chat::startAnew,
            onSettings = chat::setSettings,
            onModel = { window.onScreen(Screen.MODEL) },
            onReload = window.onReload,
            onKeepAgain = chat::keepAgain,
        )
    ChatScreen(state, info, isUnloaded, actions)
}
