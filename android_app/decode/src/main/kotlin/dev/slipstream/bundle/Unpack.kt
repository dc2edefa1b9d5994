package dev.slipstream.bundle

import dev.slipstream.json.JsonException
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.parseStrictJson
import java.util.zip.DataFormatException
import java.util.zip.Inflater

private const val MAX_TOKENIZER = 64L * 1024 * 1024
private const val TOKENIZER_BASE = 1024L * 1024
private const val TOKENIZER_PER_TOKEN = 256L
private const val MAX_RATIO = 1032L // of deflate
private const val SIZE_BYTES = 8
private const val MAX_TRACE_HEAD = 1024 // bytes; a name and a number need less, and JSON trees are large
private const val PIECE = 16 * 1024

/** Bytes that a tokenizer.json of [vocabSize] tokens may have (BUNDLE.md). */
internal fun tokenizerLimit(vocabSize: Int): Long =
    minOf(
        MAX_TOKENIZER,
        TOKENIZER_BASE + TOKENIZER_PER_TOKEN * vocabSize,
    )

/**
 * The tokenizer section's text: 8 bytes of its size, then zlib; BundleException when the stream is not exactly that, or
 * states more than [limit] bytes.
 *
 * Unpacked twice, first into nothing: a false size, of bytes or of a bomb, costs no memory.
 */
internal fun unpackTokenizer(
    data: ByteArray,
    where: String,
    limit: Long = MAX_TOKENIZER,
): ByteArray {
    var size = 0L
    for (index in minOf(SIZE_BYTES, data.size) - 1 downTo 0) size = (size shl 8) or (data[index].toLong() and 0xff)
    if (data.size < SIZE_BYTES || size < 0 || size > minOf(limit, MAX_RATIO * data.size)) {
        val found = "a size of ${java.lang.Long.toUnsignedString(size)}"
        throw tokenizerError("at most $limit bytes and a zlib stream", found, where)
    }
    val inflater = Inflater()
    try {
        val complete = inflate(inflater, data, ByteArray(PIECE), size + 1)
        if (inflater.bytesWritten != size || !complete) {
            throw tokenizerError("$size bytes", "${inflater.bytesWritten} bytes or more", where)
        }
        inflater.reset()
        return ByteArray(size.toInt()).also { inflate(inflater, data, it, size) }
    } catch (error: DataFormatException) {
        throw tokenizerError("a zlib stream", error.message.orEmpty(), where)
    } finally {
        inflater.end()
    }
}

/** Unpacks up to [limit] bytes; true when that was the stream's end and nothing stands behind it. */
private fun inflate(
    inflater: Inflater,
    data: ByteArray,
    into: ByteArray,
    limit: Long,
): Boolean {
    inflater.setInput(data, SIZE_BYTES, data.size - SIZE_BYTES)
    while (!inflater.finished() && inflater.bytesWritten < limit) {
        val count = inflater.inflate(into, 0, minOf(into.size.toLong(), limit - inflater.bytesWritten).toInt())
        if (inflater.needsDictionary()) throw DataFormatException("a preset dictionary is needed")
        if (count == 0 && !inflater.finished()) return false
    }
    return inflater.finished() && inflater.remaining == 0
}

private fun tokenizerError(
    expected: String,
    found: String,
    where: String,
) = bundleError("Bundle's tokenizer is damaged", expected, found, where)

/** Per trace one line `{"bytes":N,"trace":NAME}` and N bytes of JSON Lines: the section as a whole is JSON Lines. */
internal fun unpackTraces(
    data: ByteArray,
    where: String,
): Map<String, String> {
    val traces = LinkedHashMap<String, String>()
    var position = 0
    while (position < data.size) {
        val searched = minOf(data.size, position + MAX_TRACE_HEAD)
        val newline = (position until searched).firstOrNull { data[it] == '\n'.code.toByte() }
        val start = (newline ?: throw tracesError("no header line at byte $position", where)) + 1
        val (name, length) =
            readTraceHead(data, position, start) ?: throw tracesError("a header line at byte $position", where)
        if (length !in 0..data.size - start) throw tracesError("a trace of $length bytes", where)
        position = start + length.toInt()
        traces[name] = decodeUtf8(data, start, length.toInt()) ?: throw tracesError("no UTF-8 in $name", where)
    }
    return traces
}

private fun readTraceHead(
    data: ByteArray,
    begin: Int,
    end: Int,
): Pair<String, Long>? {
    val head =
        try {
            parseStrictJson(decodeUtf8(data, begin, end - begin) ?: return null) as? Map<*, *>
        } catch (_: JsonException) {
            null
        }
    val name = head?.get("trace") as? String
    val length = (head?.get("bytes") as? JsonNumber)?.toLongOrNull()
    return if (name == null || length == null) null else name to length
}

private fun tracesError(
    found: String,
    where: String,
) = bundleError("Bundle's traces are damaged", "named traces", found, where)
