package dev.slipstream.json

import com.google.gson.Strictness
import com.google.gson.stream.JsonReader
import com.google.gson.stream.JsonToken
import com.google.gson.stream.MalformedJsonException
import java.io.IOException
import java.io.StringReader

/** A number as it was written: `1`, `1.0` and `1e0` differ. */
public data class JsonNumber(
    val literal: String,
) {
    /** The value if it is written as an integer that fits, else null. */
    public fun toIntOrNull(): Int? = literal.toIntOrNull()

    /** The value if it is written as an integer that fits, else null. */
    public fun toLongOrNull(): Long? = literal.toLongOrNull()

    /** The nearest double; infinite where the number is too large. */
    public fun toDouble(): Double = literal.toDouble()
}

/** Text that is no JSON, or JSON that is not taken: see [parseStrictJson]. */
public class JsonException(
    message: String,
) : Exception(message)

/**
 * JSON (RFC 8259) as Map, List, String, [JsonNumber], Boolean and null; maps keep the order of their keys.
 *
 * Throws [JsonException] for text that is no JSON, has a key twice in one object, nests deeper than [maxDepth], or has
 * anything behind its value. Never needs more than a small multiple of the text's memory.
 */
public fun parseStrictJson(
    text: String,
    maxDepth: Int = 32,
): Any? {
    val reader = JsonReader(StringReader(text))
    reader.strictness = Strictness.STRICT
    reader.nestingLimit = maxDepth
    try {
        val value = readValue(reader)
        if (reader.peek() != JsonToken.END_DOCUMENT) throw JsonException("something behind the value")
        return value
    } catch (error: MalformedJsonException) {
        throw JsonException(error.message.orEmpty())
    } catch (error: IOException) {
        throw JsonException(error.message ?: "the text ends too early")
    }
}

/** The value that comes next in [reader], which may be part of a larger text that is read as a stream. */
internal fun readValue(reader: JsonReader): Any? =
    when (reader.peek()) {
        JsonToken.BEGIN_OBJECT -> readObject(reader)
        JsonToken.BEGIN_ARRAY -> readArray(reader)
        JsonToken.STRING -> reader.nextString()
        JsonToken.NUMBER -> JsonNumber(reader.nextString())
        JsonToken.BOOLEAN -> reader.nextBoolean()
        JsonToken.NULL -> null.also { reader.nextNull() }
        else -> throw JsonException("no value at ${reader.path}")
    }

private fun readObject(reader: JsonReader): Map<String, Any?> {
    val fields = LinkedHashMap<String, Any?>()
    reader.beginObject()
    while (reader.hasNext()) {
        val name = reader.nextName()
        if (name in fields) throw JsonException("key twice in one object at ${reader.path}")
        fields[name] = readValue(reader)
    }
    reader.endObject()
    return fields
}

private fun readArray(reader: JsonReader): List<Any?> {
    val items = ArrayList<Any?>()
    reader.beginArray()
    while (reader.hasNext()) items.add(readValue(reader))
    reader.endArray()
    return items
}
