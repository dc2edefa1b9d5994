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
    val pieces =
        ChatPieces(
            start = fields.text("start"),
            userPrefix = fields.text("user_prefix"),
            userSuffix = fields.text("user_suffix"),
            modelPrefix = fields.text("model_prefix"),
            modelSuffix = fields.text("model_suffix"),
            systemPrefix = fields.textOrNull("system_prefix"),
            systemSuffix = fields.textOrNull("system_suffix"),
            trims = fields.boolean("trims"),
        )
    val paired = (pieces.systemPrefix == null) == (pieces.systemSuffix == null)
    checkManifest(paired, "chat.system_suffix", "null exactly when system_prefix is") { pieces.systemSuffix }
    return pieces
}
