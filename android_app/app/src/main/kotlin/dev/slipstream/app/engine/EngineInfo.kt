package dev.slipstream.app.engine

/** What is loaded. [draftLengths] is empty where no pass verifies drafts. */
internal data class EngineInfo(
    val bundleSha256: String,
    val targetId: String,
    val drafterId: String?,
    val contextLength: Int,
    val hasChat: Boolean,
    val hasThinking: Boolean,
    val draftLengths: List<Int>,
)
