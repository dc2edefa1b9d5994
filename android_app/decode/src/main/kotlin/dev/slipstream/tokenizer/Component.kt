package dev.slipstream.tokenizer

import dev.slipstream.json.JsonNumber

/** One JSON object of a `tokenizer.json`, with the path that errors name it by. */
internal class Component(
    val path: String,
    value: Any?,
    val errors: TokenizerErrors,
) {
    private val fields: Map<*, *> = value as? Map<*, *> ?: throw errors.invalid(path, "an object", value)

    val type: String get() = text("type")

    fun text(key: String): String =
        fields[key].let { it as? String ?: throw errors.invalid("$path.$key", "a string", it) }

    fun flag(key: String): Boolean =
        fields[key].let { it as? Boolean ?: throw errors.invalid("$path.$key", "true or false", it) }

    fun count(key: String): Int {
        val value = (fields[key] as? JsonNumber)?.toIntOrNull()
        return value?.takeIf { it >= 0 } ?: throw errors.invalid("$path.$key", "a whole number from 0", fields[key])
    }

    /** The objects of a list. */
    fun parts(key: String): List<Component> = components("$path.$key", fields[key], errors)

    /** Text that is UTF-16 without lone surrogates. */
    fun utf8(key: String): ByteArray = wellFormed("$path.$key", text(key), errors)

    /** The `pattern` of Replace and Split: a string to be taken literally, not empty. */
    fun literalPattern(): String {
        val literal = (fields["pattern"] as? Map<*, *>)?.get("String") as? String
        if (literal.isNullOrEmpty()) {
            throw errors.unsupported("$path.pattern", "a String pattern with something in it", fields["pattern"])
        }
        wellFormed("$path.pattern", literal, errors)
        return literal
    }

    fun unsupported(expected: String): Exception = errors.unsupported(path, expected, type)
}

/** [value] as a list of objects. */
internal fun components(
    path: String,
    value: Any?,
    errors: TokenizerErrors,
): List<Component> {
    val items = value as? List<*> ?: throw errors.invalid(path, "a list", value)
    return items.mapIndexed { index, item -> Component("$path[$index]", item, errors) }
}

/** [text] as UTF-8. */
internal fun wellFormed(
    path: String,
    text: String,
    errors: TokenizerErrors,
): ByteArray {
    val result = ByteText(text.length)
    if (!result.appendUtf8(text)) throw errors.invalid(path, "text without lone surrogates", text)
    return result.bytes.copyOf(result.size)
}
