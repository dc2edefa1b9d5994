package dev.slipstream.tokenizer

/** Unicode's White_Space property: `\s` of the regular expressions that `tokenizers` uses. */
internal fun isWhiteSpace(code: Int): Boolean =
    when (code) {
        in 0x09..0x0D, 0x20, 0x85, 0xA0, 0x1680, in 0x2000..0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000 -> true
        else -> false
    }

/**
 * `\w` of the regular expressions that `tokenizers` uses (UTS 18): alphabetic, marks, decimal digits, connectors and
 * the joiners. Spelled out, as `\w` of Java's expressions differs between the JVM and Android. A character newer than
 * the platform's Unicode tables is no word character.
 */
internal fun isWordCharacter(code: Int): Boolean {
    if (code == ZERO_WIDTH_NON_JOINER || code == ZERO_WIDTH_JOINER || Character.isAlphabetic(code)) return true
    return when (Character.getType(code).toByte()) {
        Character.NON_SPACING_MARK,
        Character.ENCLOSING_MARK,
        Character.COMBINING_SPACING_MARK,
        Character.DECIMAL_DIGIT_NUMBER,
        Character.CONNECTOR_PUNCTUATION,
        -> true

        else -> false
    }
}

private const val ZERO_WIDTH_NON_JOINER = 0x200C
private const val ZERO_WIDTH_JOINER = 0x200D
