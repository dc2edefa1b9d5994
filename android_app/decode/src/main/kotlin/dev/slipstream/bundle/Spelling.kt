package dev.slipstream.bundle

import dev.slipstream.json.JsonNumber

// Values in messages are spelled as the Python reference spells them, so that one error reads the same everywhere.

/** A fixed tuple in [spell]. */
internal class SpelledTuple(
    val items: List<Any?>,
)

/** Text that [spell] leaves as it is. */
internal class Spelled(
    val text: String,
)

internal fun tuple(vararg items: Any?): SpelledTuple = SpelledTuple(items.asList())

/** A JSON value (as `parseStrictJson` makes it), number, list or tuple, the way Python's `repr` does it. */
internal fun spell(value: Any?): String =
    when (value) {
        null -> "None"
        true -> "True"
        false -> "False"
        is String -> spellText(value, ascii = false)
        is JsonNumber -> if (value.isInteger) spellInteger(value.literal) else spellDouble(value.toDouble())
        is Spelled -> value.text
        is SpelledTuple -> value.items.joinToString(", ", "(", if (value.items.size == 1) ",)" else ")") { spell(it) }
        is List<*> -> value.joinToString(", ", "[", "]") { spell(it) }
        is Map<*, *> -> value.entries.joinToString(", ", "{", "}") { "${spell(it.key)}: ${spell(it.value)}" }
        else -> value.toString()
    }

private fun spellInteger(literal: String): String = if (literal == "-0") "0" else literal

/** Quoted, with escapes for what is not printable, or with [ascii] for what is not ASCII either. */
internal fun spellText(
    text: String,
    ascii: Boolean,
): String {
    val quote = if ('\'' in text && '"' !in text) '"' else '\''
    val result = StringBuilder().append(quote)
    var index = 0
    while (index < text.length) {
        val point = text.codePointAt(index)
        index += Character.charCount(point)
        when {
            point == quote.code || point == '\\'.code -> result.append('\\').append(point.toChar())
            point == '\n'.code -> result.append("\\n")
            point == '\r'.code -> result.append("\\r")
            point == '\t'.code -> result.append("\\t")
            point in 32..126 || (!ascii && point > 126 && isPrintable(point)) -> result.appendCodePoint(point)
            point < 0x100 -> result.append("\\x").append(hex(point.toLong(), 2))
            point < 0x10000 -> result.append("\\u").append(hex(point.toLong(), 4))
            else -> result.append("\\U").append(hex(point.toLong(), 8))
        }
    }
    return result.append(quote).toString()
}

/** Bytes the way Python's `repr` does it: `b'LITERTLM'`. */
internal fun spellBytes(bytes: ByteArray): String {
    // As Latin-1 every byte is one character, and only those above ASCII or unprintable are escaped.
    return "b" + spellText(String(bytes, Charsets.ISO_8859_1), ascii = true)
}

private fun isPrintable(point: Int): Boolean =
    when (Character.getType(point).toByte()) {
        Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED,
        Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SPACE_SEPARATOR,
        -> false

        else -> true
    }

/** [value] as at least [digits] lower-case hex digits. */
internal fun hex(
    value: Long,
    digits: Int,
): String =
    java.lang.Long
        .toHexString(value)
        .padStart(digits, '0')

internal fun hex(bytes: ByteArray): String = bytes.joinToString("") { hex(it.toLong() and 0xff, 2) }
