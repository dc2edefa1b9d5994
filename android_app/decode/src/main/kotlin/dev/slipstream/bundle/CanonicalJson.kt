package dev.slipstream.bundle

import dev.slipstream.json.JsonNumber
import java.io.ByteArrayOutputStream

/**
 * A JSON tree (as `parseStrictJson` makes it) in the manifest's only spelling: keys sorted by code points, no spaces,
 * ASCII, numbers as they were written, a newline at the end. Null when a number has a shorter or other usual spelling.
 */
internal fun canonicalJson(value: Any?): ByteArray? {
    val writer = CanonicalJson()
    writer.write(value)
    writer.write("\n")
    return if (writer.numbersAreCanonical) writer.bytes() else null
}

private class CanonicalJson {
    var numbersAreCanonical = true
    private val out = ByteArrayOutputStream()

    fun bytes(): ByteArray = out.toByteArray()

    fun write(text: String) {
        for (letter in text) out.write(letter.code)
    }

    fun write(value: Any?) {
        when (value) {
            is Map<*, *> -> {
                writeObject(value)
            }

            is List<*> -> {
                writeArray(value)
            }

            is String -> {
                writeText(value)
            }

            is JsonNumber -> {
                numbersAreCanonical = numbersAreCanonical && value.isCanonical()
                write(value.literal)
            }

            else -> {
                write(value.toString())
            }
        }
    }

    private fun writeObject(fields: Map<*, *>) {
        write("{")
        val names = fields.keys.map { it as String }.sortedWith(::compareCodePoints)
        for ((index, name) in names.withIndex()) {
            if (index > 0) write(",")
            writeText(name)
            write(":")
            write(fields[name])
        }
        write("}")
    }

    private fun writeArray(items: List<*>) {
        write("[")
        for ((index, item) in items.withIndex()) {
            if (index > 0) write(",")
            write(item)
        }
        write("]")
    }

    private fun writeText(text: String) {
        write("\"")
        for (letter in text) {
            val escape = ESCAPES[letter]
            when {
                escape != null -> write(escape)
                letter in ' '..'~' -> out.write(letter.code)
                else -> write("\\u" + hex(letter.code.toLong(), 4))
            }
        }
        write("\"")
    }
}

private val ESCAPES =
    mapOf(
        '"' to "\\\"",
        '\\' to "\\\\",
        '\n' to "\\n",
        '\r' to "\\r",
        '\t' to "\\t",
        '\u000c' to "\\f",
        '\b' to "\\b",
    )

/** UTF-16 order would put letters beyond the 16-bit plane before some of its own. */
internal fun compareCodePoints(
    left: String,
    right: String,
): Int {
    var index = 0
    while (index < minOf(left.length, right.length)) {
        val (a, b) = left.codePointAt(index) to right.codePointAt(index)
        if (a != b) return a.compareTo(b)
        index += Character.charCount(a)
    }
    return left.length.compareTo(right.length)
}
