package dev.slipstream.chat

import dev.slipstream.bundle.isInteger
import dev.slipstream.bundle.spell
import dev.slipstream.errors.UsageException
import dev.slipstream.json.JsonException
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.parseStrictJson

private val KEYS = listOf("role", "content", "thought")
private val NAMES = ROLES + OTHERS.keys

/**
 * The messages of a JSON text, a list of {"role", "content"}; a model's may have a "thought". UsageException for what is
 * no such list, and for what [chat] has no words for, as a call of a tool. [where] names the text in errors.
 */
public fun readMessages(
    text: String,
    where: String,
    chat: ChatFormat,
): List<Message> {
    val value =
        try {
            parseStrictJson(text)
        } catch (error: JsonException) {
            throw messagesError(where, "a JSON file in UTF-8", "JsonException: ${error.message}".take(MOST_SHOWN))
        }
    if (value !is List<*>) throw messagesError(where, "a list of messages", kind(value))
    return value.mapIndexed { index, one -> readMessage(chat, one, "$where, message ${index + 1}") }
}

/** The messages behind a system message that says [text]. UsageException if they have one already. */
public fun withSystem(
    messages: List<Message>,
    text: String?,
): List<Message> {
    if (text == null) return messages
    if (messages.firstOrNull()?.role == SYSTEM) {
        val action = "Leave --system out, or the message."
        throw UsageException("Two system texts", "one", "two", "--system, message 1", action)
    }
    return listOf(Message(SYSTEM, text)) + messages
}

/** The error of a file of messages that can't be taken. */
public fun messagesError(
    where: String,
    expected: String,
    found: String,
): UsageException =
    UsageException(
        "Messages can't be read",
        expected,
        found,
        where,
        "Write [{\"role\": \"user\", \"content\": \"…\"}, …].",
    )

private fun readMessage(
    chat: ChatFormat,
    value: Any?,
    where: String,
): Message {
    val fields = value as? Map<*, *> ?: throw messagesError(where, "an object with role and content", kind(value))
    // Clients write null, or an empty list, for what a message does not have.
    val more = fields.entries.find { (key, given) -> key !in KEYS && !isEmpty(given) }
    if (more != null) {
        throw messagesError(
            where,
            "${KEYS.joinToString()} alone",
            spell(firstCharacters(more.key as String, MOST_OF_KEY)),
        )
    }
    val role = fields["role"]
    if (role !is String || role !in NAMES) {
        throw messagesError("$where, role", "one of ${NAMES.joinToString()}", firstCharacters(spell(role)))
    }
    val thought = fields["thought"].takeUnless { isEmpty(it) || isNothing(it) } ?: ""
    val isModel = OTHERS.getOrDefault(role, role) == MODEL
    if (thought !is String || (thought.isNotEmpty() && !isModel)) {
        val found = firstCharacters(spell(thought))
        throw messagesError("$where, thought", "a text, in a model's message", found)
    }
    return writtenMessage(chat, role, readContent(fields["content"], "$where, content"), thought)
}

/** A text, or a list of {"type": "text", "text": …} as some clients write it. */
private fun readContent(
    value: Any?,
    where: String,
): String {
    if (value is String) return value
    val parts = value as? List<*> ?: throw noText(value, where)
    return parts.joinToString("") { part ->
        val type = (part as? Map<*, *> ?: throw noText(value, where))["type"]
        if (type != "text") throw noText(type, where)
        part["text"] as? String ?: throw noText(value, where)
    }
}

private fun noText(
    found: Any?,
    where: String,
) = messagesError(where, "a text: images and sounds are not read", firstCharacters(spell(found)))

private fun isEmpty(value: Any?): Boolean =
    value == null || value == "" || (value as? Collection<*>)?.isEmpty() == true ||
        (value as? Map<*, *>)?.isEmpty() == true

/** What Python takes for no. */
private fun isNothing(value: Any?): Boolean = value == false || (value as? JsonNumber)?.toDouble() == 0.0

private fun kind(value: Any?): String =
    when (value) {
        null -> "null"
        is Boolean -> "bool"
        is String -> "str"
        is List<*> -> "list"
        is JsonNumber -> if (value.isInteger) "int" else "float"
        else -> "dict"
    }

private const val MOST_SHOWN = 200
private const val MOST_OF_KEY = 40
