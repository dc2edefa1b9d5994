package dev.slipstream.bundle

import dev.slipstream.json.JsonNumber

internal const val INT32_MAX = Int.MAX_VALUE
internal const val INT63_MAX = Long.MAX_VALUE
private const val MAX_FREE_DEPTH = 16

/** A key that may be missing. [none] is what would say the same, and is refused; [expected] is for that message. */
internal data class OptionalKey(
    val name: String,
    val expected: String,
    val none: Any? = null,
)

/**
 * The values of one JSON object at [key] of the manifest, read with their types.
 *
 * Strict: a key that is unknown, missing (unless it is one of [optional]) or of another type is a BundleException that
 * names it.
 */
internal class JsonFields(
    value: Any?,
    private val key: String,
    names: List<String>,
    optional: List<OptionalKey> = emptyList(),
) {
    private val fields: Map<*, *> = asObject(value, key.ifEmpty { "(whole)" })

    init {
        val known = names + optional.map { it.name }
        for (name in fields.keys) {
            val shown = keyOf(firstCodePoints(name as String, 80))
            checkManifest(name in known, shown, "a key of manifest version 1") { "an unknown key" }
        }
        for (name in names) checkManifest(name in fields, keyOf(name), "this key") { "nothing" }
        for ((name, expected, none) in optional.filter { it.name in fields }) {
            checkManifest(fields[name] != none, keyOf(name), "$expected, or no such key") { none }
        }
    }

    fun keyOf(name: String): String = if (key.isEmpty()) name else "$key.$name"

    fun value(name: String): Any? = fields[name]

    /** Whether the object has the key; only those that are optional may be missing. */
    fun has(name: String): Boolean = name in fields

    fun text(name: String): String = asText(fields[name], keyOf(name))

    fun textOrNull(name: String): String? = fields[name]?.let { asText(it, keyOf(name)) }

    fun boolean(name: String): Boolean =
        fields[name] as? Boolean ?: throw manifestError(keyOf(name), "a value of type bool", fields[name])

    /** [label] is the key that an error of the range names. */
    fun int(
        name: String,
        low: Int,
        high: Int = INT32_MAX,
        label: String = keyOf(name),
    ): Int = long(name, low.toLong(), high.toLong(), label).toInt()

    fun long(
        name: String,
        low: Long,
        high: Long = INT63_MAX,
        label: String = keyOf(name),
    ): Long = asLong(fields[name], keyOf(name), label, low, high)

    /** A number, written with a point, for which [fits] holds. */
    fun double(
        name: String,
        expected: String,
        fits: (Double) -> Boolean,
    ): Double {
        val number = asDouble(fields[name], keyOf(name))
        checkManifest(fits(number), keyOf(name), expected) { fields[name] }
        return number
    }

    fun <T> list(
        name: String,
        read: (value: Any?, key: String) -> T,
    ): List<T> = asList(fields[name], keyOf(name)).mapIndexed { index, item -> read(item, "${keyOf(name)}[$index]") }

    fun texts(name: String): List<String> = list(name, ::asText)

    /** Integers of at least [low]. */
    fun ints(
        name: String,
        low: Int,
        label: String = keyOf(name),
    ): List<Int> = list(name) { value, key -> asLong(value, key, label, low.toLong(), INT32_MAX.toLong()).toInt() }

    /** Integers of at least [low], ascending, each once. */
    fun ascendingInts(
        name: String,
        low: Int,
    ): List<Int> {
        val values = ints(name, low)
        checkManifest(values == values.sorted().distinct(), keyOf(name), "ascending numbers, each once") { values }
        return values
    }

    fun <T> map(
        name: String,
        read: (value: Any?, key: String) -> T,
    ): Map<String, T> = asMap(fields[name], keyOf(name), read)

    /** Exactly [length] lower-case hex digits. */
    fun hex(
        name: String,
        length: Int,
        label: String = keyOf(name),
    ): String = checkHex(text(name), length, label)
}

internal fun checkHex(
    text: String,
    length: Int,
    label: String,
): String {
    val valid = text.length == length && text.all { it in '0'..'9' || it in 'a'..'f' }
    checkManifest(valid, label, "$length lower-case hex digits") { text }
    return text
}

internal fun asObject(
    value: Any?,
    key: String,
): Map<*, *> = value as? Map<*, *> ?: throw manifestError(key, "an object", value)

internal fun asList(
    value: Any?,
    key: String,
): List<*> = value as? List<*> ?: throw manifestError(key, "a list", value)

internal fun <T> asMap(
    value: Any?,
    key: String,
    read: (value: Any?, key: String) -> T,
): Map<String, T> {
    val fields = asObject(value, key).mapKeys { it.key as String }
    checkManifest(fields.keys.none(::hasLoneSurrogate), key, "Unicode names") { "others" }
    return fields.mapValues { (name, item) -> read(item, "$key.$name") }
}

internal fun asText(
    value: Any?,
    key: String,
): String {
    val text = value as? String ?: throw manifestError(key, "a value of type str", value)
    checkManifest(!hasLoneSurrogate(text), key, "Unicode text") { text }
    return text
}

internal fun asLong(
    value: Any?,
    key: String,
    label: String,
    low: Long,
    high: Long,
): Long {
    val number = value as? JsonNumber
    if (number == null || !number.isInteger) throw manifestError(key, "a value of type int", value)
    val result = number.toSaturatedLong()
    checkManifest(
        result in low..high && number.toLongOrNull() != null,
        label,
        "an integer from $low to $high",
    ) { value }
    return result
}

internal fun asDouble(
    value: Any?,
    key: String,
): Double {
    val number = value as? JsonNumber
    if (number == null || Math.abs(number.toDouble()) >= 1e300) throw manifestError(key, "a finite number", value)
    // The reference writes every number of this type with a point: 30.0, never 30.
    checkManifest(!number.isInteger, key, "a number with a point") { value }
    return number.toDouble()
}

/** Free-form JSON: what can be written again and printed, nested no deeper than 16 levels. */
internal fun asPlain(
    value: Any?,
    key: String,
    depth: Int = MAX_FREE_DEPTH,
): Any? {
    checkManifest(depth > 0, key, "at most 16 levels") { "more" }
    when (value) {
        is JsonNumber -> {
            checkManifest(value.isInteger || value.toDouble().isFinite(), key, "a finite number") { value }
        }

        is String -> {
            checkManifest(!hasLoneSurrogate(value), key, "Unicode text") { value }
        }

        is List<*> -> {
            value.forEach { asPlain(it, key, depth - 1) }
        }

        is Map<*, *> -> {
            (value.keys + value.values).forEach { asPlain(it, key, depth - 1) }
        }
    }
    return value
}

private fun hasLoneSurrogate(text: String): Boolean {
    var index = 0
    while (index < text.length) {
        val point = text.codePointAt(index)
        if (point in 0xd800..0xdfff) return true
        index += Character.charCount(point)
    }
    return false
}
