package dev.slipstream.chat

/** Others' names for our roles. */
public val OTHERS: Map<String, String> = mapOf("assistant" to MODEL, "developer" to SYSTEM)

/**
 * A message as others write it: [role] may be another's name for it, and a model's [content] that begins with a
 * delimited thought is that thought and what follows.
 */
public fun writtenMessage(
    chat: ChatFormat,
    role: String,
    content: String,
    thought: String = "",
): Message {
    val ours = OTHERS.getOrDefault(role, role)
    val delimited = chat.thoughts?.takeIf { ours == MODEL && thought.isEmpty() && content.startsWith(it.start) }
    val end = delimited?.let { content.indexOf(it.end, it.start.length) } ?: -1
    if (delimited == null || end < 0) return Message(ours, content, thought)
    return Message(ours, content.substring(end + delimited.end.length), content.substring(delimited.start.length, end))
}
