package dev.slipstream.chat

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.MutableIntObjectMap
import dev.slipstream.bundle.readChatFormat
import dev.slipstream.errors.UsageException
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson
import dev.slipstream.repository
import java.nio.charset.CharacterCodingException
import kotlin.io.path.readText
import kotlin.text.Charsets.UTF_8

// The cases of runtime_spec/vectors/chat.json over a tokenizer of bytes, as runtime_spec/vectors/chat.py plays them.

private const val TEXT_BEGINS = 999
private const val FIRST_BYTE = 1000

/** How many cases give what is recorded. AssertionError naming the first that does not. */
internal fun playCases(): Int {
    val file = repository.resolve("runtime_spec/vectors/chat.json")
    val raw = fields(parseStrictJson(file.readText()))
    val formats = fields(raw["formats"]).mapValues { (_, value) -> readChatFormat(value) }
    var count = 0
    for ((kind, play) in listOf("conversations" to ::playConversation, "replies" to ::playReply)) {
        for ((number, case) in (raw[kind] as List<*>).withIndex()) {
            val recorded = json(plain(fields(case)["gives"]))
            val found = json(play(formats, fields(case)))
            if (found != recorded) throw AssertionError("$kind $number: recorded $recorded, found $found")
            count++
        }
    }
    return count
}

private fun playConversation(
    formats: Map<String, ChatFormat>,
    case: Map<String, Any?>,
): Any? {
    val format = formats.getValue(case["format"] as String)
    val found =
        try {
            parts(
                format,
                (case["messages"] as List<*>).map { message(format, fields(it)) },
                case["thinking"] as Boolean,
            )
        } catch (error: UsageException) {
            return mapOf("refused" to error.where)
        }
    val control =
        fields(case["control"]).mapValues { (_, value) ->
            val (id, left, right) = value as List<*>
            ControlToken(int(id), left as Boolean, right as Boolean)
        }
    return mapOf("parts" to found.map(::written), "ids" to encode(found, int(case["bos"]), control, ::encodeBytes))
}

private fun playReply(
    formats: Map<String, ChatFormat>,
    case: Map<String, Any?>,
): Any? {
    val control = MutableIntObjectMap<String>()
    fields(case["control"]).forEach { (text, id) -> control[int(id)] = text }
    val format = formats.getValue(case["format"] as String)
    val splitter = Splitter(format.thoughts, case["opened_by"] as String, control) { ByteSource() }
    val said = (case["tokens"] as List<*>).map { group -> splitter.append(ints(group)).map(::written) }
    return mapOf("said" to said + listOf(splitter.finish().map(::written)), "answer_begin" to splitter.answerBegin)
}

/** As it stands, or with `written` as others write it. */
private fun message(
    format: ChatFormat,
    raw: Map<String, Any?>,
): Message {
    val (role, content) = raw["role"] as String to raw["content"] as String
    val thought = raw["thought"] as String? ?: ""
    if (raw["written"] == true) return writtenMessage(format, role, content, thought)
    return Message(role, content, thought, raw["tokens"]?.let(::ints), raw["answer_tokens"]?.let(::ints))
}

private fun written(part: Part): List<Any> =
    when (part) {
        is Part.Template -> listOf("template", part.text)
        is Part.Content -> listOf("content", part.text)
        is Part.Said -> listOf("said", part.tokens)
    }

private fun written(said: SaidText): List<Any> = listOf(said.channel.name.lowercase(), said.text)

private fun encodeBytes(text: String): IntList {
    val ids = MutableIntList().apply { add(TEXT_BEGINS) }
    for (byte in text.toByteArray()) ids.add(FIRST_BYTE + byte.toUByte().toInt())
    return ids
}

/** Text of byte tokens: what is whole at once. */
private class ByteSource : TextSource {
    private var bytes = ByteArray(0)

    override fun append(token: Int): String {
        bytes += (token - FIRST_BYTE).toByte()
        for (length in bytes.size downTo maxOf(0, bytes.size - 3)) {
            val text =
                try {
                    UTF_8.newDecoder().decode(java.nio.ByteBuffer.wrap(bytes, 0, length)).toString()
                } catch (_: CharacterCodingException) {
                    continue
                }
            bytes = bytes.copyOfRange(length, bytes.size)
            return text
        }
        return ""
    }

    override fun finish(): String = "\uFFFD".repeat(bytes.size).also { bytes = ByteArray(0) }
}

@Suppress("UNCHECKED_CAST")
private fun fields(raw: Any?): Map<String, Any?> = raw as Map<String, Any?>

private fun int(raw: Any?): Int = checkNotNull((raw as JsonNumber).toIntOrNull())

private fun ints(raw: Any?): IntList = MutableIntList().also { list -> (raw as List<*>).forEach { list.add(int(it)) } }

/** A JSON tree with numbers that [json] can write. */
private fun plain(raw: Any?): Any? =
    when (raw) {
        is JsonNumber -> int(raw)
        is List<*> -> raw.map(::plain)
        is Map<*, *> -> raw.mapValues { plain(it.value) }
        else -> raw
    }
