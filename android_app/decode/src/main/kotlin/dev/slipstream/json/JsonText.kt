package dev.slipstream.json

import androidx.collection.IntList

/** [value] as JSON on one line: maps, lists, numbers, strings, booleans and null; a number that JSON lacks is null. */
public fun json(value: Any?): String =
    when (value) {
        null -> "null"
        is String -> quoted(value)
        is Boolean, is Int, is Long -> value.toString()
        is Double -> if (value.isFinite()) value.toString() else "null"
        is Map<*, *> -> value.entries.joinToString(", ", "{", "}") { (key, item) -> "${quoted("$key")}: ${json(item)}" }
        is List<*> -> value.joinToString(", ", "[", "]") { json(it) }
        is IntList -> value.joinToString(", ", "[", "]")
        else -> error("no JSON for ${value.javaClass}")
    }

/** A JSON string as Python's json.dumps writes it: ASCII, escapes in lower-case digits, in UTF-16 units. */
public fun quoted(text: String): String =
    buildString {
        append('"')
        for (unit in text) {
            when (unit) {
                '"' -> append("\\\"")
                '\\' -> append("\\\\")
                '\n' -> append("\\n")
                '\r' -> append("\\r")
                '\t' -> append("\\t")
                '\b' -> append("\\b")
                '\u000c' -> append("\\f")
                in ' '..'~' -> append(unit)
                else -> append("\\u").append(unit.code.toString(16).padStart(4, '0'))
            }
        }
        append('"')
    }
