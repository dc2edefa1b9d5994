package dev.slipstream.app.chat

import dev.slipstream.Drafting

/** What the chat's screen can ask for. */
internal class ChatActions(
    val onSend: (String) -> Unit,
    val onStop: () -> Unit,
    val onRetry: () -> Unit,
    val onTakeBack: () -> Unit,
    val onTakenBackShown: () -> Unit,
    val onNew: () -> Unit,
    val onMode: (isChat: Boolean) -> Unit,
    val onDrafting: (Drafting) -> Unit,
    val onThinking: (Boolean) -> Unit,
    val onModel: () -> Unit,
    val onReload: () -> Unit,
)
