package dev.slipstream.bundle

import dev.slipstream.chat.Affixes
import dev.slipstream.chat.ChatFormat
import dev.slipstream.chat.Thinking
import dev.slipstream.chat.Thoughts

private val KEYS =
    listOf(
        "start",
        "system",
        "user",
        "model",
        "user_prefix_after_system",
        "reply",
        "thinking",
        "thoughts",
        "trims",
        "alternates",
    )

/** The format at [key] of the manifest. */
internal fun readChatFormat(
    value: Any?,
    key: String = "chat",
): ChatFormat {
    val fields = JsonFields(value, key, KEYS)
    return ChatFormat(
        start = fields.text("start"),
        system = fields.value("system")?.let { readAffixes(it, "$key.system") },
        user = readAffixes(fields.value("user"), "$key.user"),
        model = readAffixes(fields.value("model"), "$key.model"),
        userPrefixAfterSystem = fields.text("user_prefix_after_system"),
        reply = fields.text("reply"),
        thinking = fields.value("thinking")?.let { readThinking(it, "$key.thinking") },
        thoughts = fields.value("thoughts")?.let { readThoughts(it, "$key.thoughts") },
        trims = fields.texts("trims"),
        alternates = fields.boolean("alternates"),
    )
}

private fun readAffixes(
    value: Any?,
    key: String,
): Affixes {
    val fields = JsonFields(value, key, listOf("prefix", "suffix"))
    return Affixes(fields.text("prefix"), fields.text("suffix"))
}

private fun readThinking(
    value: Any?,
    key: String,
): Thinking {
    val fields = JsonFields(value, key, listOf("reply", "system_prefix", "system_alone"))
    return Thinking(fields.text("reply"), fields.text("system_prefix"), fields.text("system_alone"))
}

private fun readThoughts(
    value: Any?,
    key: String,
): Thoughts {
    val fields = JsonFields(value, key, listOf("start", "end", "kept"))
    return Thoughts(fields.text("start"), fields.text("end"), fields.boolean("kept"))
}
