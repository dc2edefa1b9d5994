package dev.slipstream.chat

/**
 * The checkpoint's chat template as constant text around each turn.
 *
 * [trims]: the template strips white space at both ends of every content, so a runtime must too. [systemPrefix] and
 * [systemSuffix] are null when the template refuses a system turn.
 */
public data class ChatPieces(
    val start: String,
    val userPrefix: String,
    val userSuffix: String,
    val modelPrefix: String,
    val modelSuffix: String,
    val systemPrefix: String?,
    val systemSuffix: String?,
    val trims: Boolean,
)
