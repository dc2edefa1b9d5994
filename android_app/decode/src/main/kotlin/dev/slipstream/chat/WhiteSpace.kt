package dev.slipstream.chat

// White space as templates strip it: Python's.

internal fun strip(text: String): String = text.trim { isPythonSpace(it.code) }

internal fun stripStart(text: String): String = text.trimStart { isPythonSpace(it.code) }

internal fun stripEnd(text: String): String = text.trimEnd { isPythonSpace(it.code) }

/** Python's `str.isspace()`: Unicode's white space and the four information separators. */
internal fun isPythonSpace(code: Int): Boolean =
    when (code) {
        in 0x09..0x0D, in 0x1C..0x20, 0x85, 0xA0, 0x1680, in 0x2000..0x200A -> true
        0x2028, 0x2029, 0x202F, 0x205F, 0x3000 -> true
        else -> false
    }
