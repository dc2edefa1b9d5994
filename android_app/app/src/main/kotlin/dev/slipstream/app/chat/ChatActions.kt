package dev.slipstream.app.chat

import dev.slipstream.app.history.ChatSettings

/** What the chat's screen can ask for. */
internal class ChatActions(
    val onSend: (String) -> Unit,
    val onStop: () -> Unit,
    val onRetry: () -> Unit,
    val onGoOn: () -> Unit,
    val onEdit: (index: Int, text: String) -> Unit,
    val onTakeBack: () -> Unit,
    val onTakenBackShown: () -> Unit,
    val onDraft: (String) -> Unit,
    val onNew: () -> Unit,
    /** Null where the list is beside the chat. */
    val onConversations: (() -> Unit)?,
    val onMode: (isChat: Boolean) -> Unit,
    val onSettings: (ChatSettings) -> Unit,
    val onModel: () -> Unit,
    val onReload: () -> Unit,
    val onKeepAgain: () -> Unit,
)
