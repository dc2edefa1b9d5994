package dev.slipstream.chat

import androidx.collection.IntList
import androidx.collection.MutableIntList

// Parts to token ids (CHAT.md, Tokens): what a user types is text, never a control token.

/**
 * The ids of a context. [control] are the control tokens by their text, [encodeText] gives the ids of a text in which
 * none of them is recognised.
 */
internal fun encode(
    parts: List<Part>,
    bos: Int,
    control: Map<String, ControlToken>,
    encodeText: (String) -> IntList,
): IntList {
    val context = ContextTokens(bos, control, encodeText)
    for (part in parts) {
        when (part) {
            is Part.Template -> context.addTemplate(part.text)
            is Part.Content -> context.addContent(part.text)
            is Part.Said -> context.addSaid(part.tokens)
        }
    }
    return context.finish()
}

/** A context while it grows. */
private class ContextTokens(
    private val bos: Int,
    private val control: Map<String, ControlToken>,
    private val encodeText: (String) -> IntList,
) {
    private val ids = MutableIntList().apply { add(bos) }
    private val text = StringBuilder()
    private var strips = false

    // The longest first of those that begin alike. Nearly all of a template's letters begin none.
    private val byFirstLetter = control.keys.sortedByDescending { it.length }.groupBy { it[0] }

    fun addTemplate(template: String) {
        var at = 0
        while (at < template.length) {
            val spelled = byFirstLetter[template[at]]?.find { template.startsWith(it, at) }
            if (spelled == null) {
                text.append(template[at++])
                continue
            }
            val token = control.getValue(spelled)
            at += spelled.length
            cut(token.leftStrip)
            strips = token.rightStrip
            if (token.id != bos) ids.add(token.id)
        }
    }

    fun addContent(content: String) {
        text.append(content)
    }

    fun addSaid(tokens: IntList) {
        cut()
        ids.addAll(tokens)
        strips = false
    }

    fun finish(): IntList {
        cut()
        return ids
    }

    /** Encodes the stretch of text that ends here as one. */
    private fun cut(leftStrip: Boolean = false) {
        var stretch = text.toString()
        text.setLength(0)
        if (strips) stretch = stripStart(stretch)
        if (leftStrip) stretch = stripEnd(stretch)
        if (stretch.isNotEmpty()) ids.addAll(encodeText(stretch))
    }
}
