package dev.slipstream.json

import androidx.collection.IntList
import dev.slipstream.trace.quoted

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
