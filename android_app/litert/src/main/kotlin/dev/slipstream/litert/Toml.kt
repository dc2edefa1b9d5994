package dev.slipstream.litert

/** [text] as a basic string of TOML: quotes, backslashes and control characters are escaped. */
internal fun tomlString(text: String): String =
    buildString {
        append('"')
        for (letter in text) {
            when {
                letter == '"' || letter == '\\' -> append('\\').append(letter)
                letter < ' ' || letter == '\u007f' -> append("\\u").append(letter.code.toString(16).padStart(4, '0'))
                else -> append(letter)
            }
        }
        append('"')
    }
