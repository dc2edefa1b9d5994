package dev.slipstream.tokenizer

import androidx.collection.MutableIntList
import com.google.gson.stream.JsonReader
import com.google.gson.stream.JsonToken

/**
 * The model's `merges`, as `["a", "b"]` or as `"a b"`, in the order of their rank. Held as bytes until the vocabulary
 * is known, which commonly comes first.
 */
internal class MergeReader(
    private val errors: TokenizerErrors,
) {
    private val text = ByteText()
    private val lengths = MutableIntList()
    private val map = PairMap(1 shl 10)
    private var rank = 0

    fun read(
        reader: JsonReader,
        vocabulary: Vocabulary?,
    ) {
        reader.beginArray()
        val kind = if (reader.hasNext()) reader.peek() else JsonToken.END_ARRAY
        while (reader.hasNext()) {
            if (reader.peek() != kind) throw errors.invalid(PATH, "merges of one form", "pairs and strings")
            if (kind == JsonToken.BEGIN_ARRAY) {
                readPair(reader)
            } else if (!readLine(reader)) {
                continue
            }
            if (vocabulary != null) resolve(vocabulary)
        }
        reader.endArray()
    }

    /** (left, right) to (rank, id). Of a pair that occurs twice the later rank holds. */
    fun merges(vocabulary: Vocabulary): PairMap {
        resolve(vocabulary)
        return map
    }

    private fun readPair(reader: JsonReader) {
        reader.beginArray()
        append(reader.nextString())
        append(reader.nextString())
        reader.endArray()
    }

    /** False for the version line that old files begin with. */
    private fun readLine(reader: JsonReader): Boolean {
        val line = reader.nextString()
        if (line.startsWith("#version")) return false
        val parts = line.split(' ')
        if (parts.size != 2) throw errors.invalid(PATH, "two pieces with a space between", line)
        parts.forEach(::append)
        return true
    }

    private fun append(piece: String) {
        val begin = text.size
        if (!text.appendUtf8(piece)) throw errors.invalid(PATH, "text without lone surrogates", piece)
        lengths.add(text.size - begin)
    }

    private fun resolve(vocabulary: Vocabulary) {
        var begin = 0
        for (index in 0 until lengths.size step 2) {
            val middle = begin + lengths[index]
            val end = middle + lengths[index + 1]
            val left = vocabulary.find(text.bytes, begin, middle)
            val right = vocabulary.find(text.bytes, middle, end)
            val joined = vocabulary.find(text.bytes, begin, end)
            if (left < 0 || right < 0 || joined < 0) {
                val pair = "'${String(text.bytes, begin, end - begin, Charsets.UTF_8)}' of rank $rank"
                throw errors.invalid(PATH, "both pieces and their join in the vocab", pair)
            }
            map.put(left, right, rank++, joined)
            begin = end
        }
        text.clear()
        lengths.clear()
    }

    private companion object {
        const val PATH = "model.merges"
    }
}
