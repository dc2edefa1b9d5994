package dev.slipstream.chat

import androidx.collection.IntList

/**
 * What one side said. A model's may have a [thought], and the [tokens] that were decoded (without the stop token),
 * [answerTokens] of them for the content alone.
 */
public data class Message(
    val role: String,
    val content: String,
    val thought: String = "",
    val tokens: IntList? = null,
    val answerTokens: IntList? = null,
)
