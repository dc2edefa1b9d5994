package dev.slipstream.chat

import dev.slipstream.bundle.spellText
import dev.slipstream.chat.Part.Content
import dev.slipstream.chat.Part.Said
import dev.slipstream.chat.Part.Template
import dev.slipstream.errors.UsageException

// A conversation as parts (CHAT.md, Messages and Parts).

/** The context up to where the model is to reply. UsageException for a conversation that CHAT.md refuses. */
internal fun parts(
    chat: ChatFormat,
    messages: List<Message>,
    thinking: Boolean = false,
): List<Part> {
    checkConversation(chat, messages, thinking)
    return joined(written(chat, messages, thinking))
}

/** The text of a conversation without said tokens. Throws as [parts]. */
internal fun rendered(
    chat: ChatFormat,
    messages: List<Message>,
    thinking: Boolean = false,
): String = parts(chat, messages, thinking).joinToString("") { it.text }

private fun checkConversation(
    chat: ChatFormat,
    messages: List<Message>,
    thinking: Boolean,
) {
    if (thinking && chat.thinking == null) {
        throw refused("a template that knows thinking", "thinking on", "the conversation", "Turn thinking off.")
    }
    if (messages.isEmpty()) throw refused("at least one message", "none", "the conversation", "Say something.")
    var before: String? = null
    for ((index, message) in messages.withIndex()) {
        checkMessage(chat, message.role, before, "message ${index + 1}")
        before = message.role
    }
    if (before != USER) {
        throw refused("a user message at the end", "a $before message", "message ${messages.size}", "Ask something.")
    }
}

private fun checkMessage(
    chat: ChatFormat,
    role: String,
    before: String?,
    where: String,
) {
    if (role !in ROLES) {
        val found = firstCharacters(spellText(role, ascii = false))
        throw refused("a role of ${ROLES.joinToString()}", found, where, "Name one of these.")
    }
    if (role == SYSTEM && (before != null || chat.system == null)) {
        val expected = if (chat.system == null) "no system message" else "a system message at the beginning only"
        throw refused(expected, "a system message", where, "Put its text into the first user message.")
    }
    val isFirst = before == null || before == SYSTEM
    val isTwice = (role == MODEL || chat.alternates) && role == before
    if (isTwice || (chat.alternates && isFirst && role == MODEL)) {
        val found = "a $role message behind ${if (before == null) "none" else "a $before message"}"
        throw refused("users and models that take turns", found, where, "Put the texts into one message.")
    }
}

private fun written(
    chat: ChatFormat,
    messages: List<Message>,
    thinking: Boolean,
): List<Part> {
    val found = arrayListOf<Part>(Template(chat.start))
    val on = if (thinking) chat.thinking else null
    val hasSystem = messages.firstOrNull()?.role == SYSTEM
    if (on != null && !hasSystem) found.add(Template(on.systemAlone))
    for ((index, message) in messages.withIndex()) {
        val turn = checkNotNull(chat.affixes(message.role))
        val prefix =
            when {
                message.role == SYSTEM && on != null -> on.systemPrefix
                index == 1 && hasSystem && message.role == USER -> chat.userPrefixAfterSystem
                else -> turn.prefix
            }
        found.add(Template(prefix))
        found.addAll(contents(chat, message))
        found.add(Template(turn.suffix))
    }
    found.add(Template(chat.reply(thinking)))
    return found
}

private fun contents(
    chat: ChatFormat,
    message: Message,
): List<Part> {
    val kept = chat.thoughts?.takeIf { it.kept && message.thought.isNotEmpty() }
    var shown = message.content
    if (message.role in chat.trims) shown = if (kept != null) stripEnd(shown) else strip(shown)
    val said = if (kept != null || message.thought.isEmpty()) message.tokens else message.answerTokens
    if (said != null && shown == message.content) return listOf(Said(said))
    if (kept == null) return listOf(Content(shown))
    return listOf(Template(kept.start), Content(message.thought), Template(kept.end), Content(shown))
}

/** Without empty texts, and texts of one kind that follow each other as one. */
private fun joined(written: List<Part>): List<Part> {
    val found = ArrayList<Part>()
    for (part in written) {
        val last = found.lastOrNull()
        when {
            part is Template && last is Template -> found[found.lastIndex] = Template(last.text + part.text)
            part is Content && last is Content -> found[found.lastIndex] = Content(last.text + part.text)
            part == Template("") || part == Content("") -> continue
            else -> found.add(part)
        }
    }
    return found
}

private fun refused(
    expected: String,
    found: String,
    where: String,
    action: String,
) = UsageException("The conversation does not fit the chat template", expected, found, where, action)
