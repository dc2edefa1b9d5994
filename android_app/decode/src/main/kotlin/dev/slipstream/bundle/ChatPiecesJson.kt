package dev.slipstream.bundle

import dev.slipstream.chat.ChatPieces

private val KEYS =
    listOf(
        "start",
        "user_prefix",
        "user_suffix",
        "model_prefix",
        "model_suffix",
        "system_prefix",
        "system_suffix",
        "trims",
    )

internal fun readChatPieces(value: Any?): ChatPieces {
    val fields = JsonFields(value, "chat", KEYS)
    val systemPrefix = fields.textOrNull("system_prefix")
    val systemSuffix = fields.textOrNull("system_suffix")
    // ChatPieces says so too; here the value is spelled as in every other error of the manifest.
    val paired = (systemPrefix == null) == (systemSuffix == null)
    checkManifest(paired, "chat.system_suffix", "null exactly when system_prefix is") { systemSuffix }
    return ChatPieces(
        start = fields.text("start"),
        userPrefix = fields.text("user_prefix"),
        userSuffix = fields.text("user_suffix"),
        modelPrefix = fields.text("model_prefix"),
        modelSuffix = fields.text("model_suffix"),
        systemPrefix = systemPrefix,
        systemSuffix = systemSuffix,
        trims = fields.boolean("trims"),
    )
}
