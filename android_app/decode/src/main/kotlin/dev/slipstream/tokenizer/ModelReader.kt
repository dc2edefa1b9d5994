package dev.slipstream.tokenizer

import com.google.gson.stream.JsonReader
import com.google.gson.stream.JsonToken
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.readValue

/** The `model`: its vocabulary and merges as a stream, the rest as fields. */
internal class ModelReader(
    private val reader: JsonReader,
    private val errors: TokenizerErrors,
) {
    private val fields = HashMap<String, Any?>()
    private val mergeReader = MergeReader(errors)
    private var vocabulary: Vocabulary? = null
    private var mergesSeen = false

    fun read(): BytePairModel {
        reader.beginObject()
        while (reader.hasNext()) {
            when (val name = reader.nextName()) {
                "vocab" -> {
                    once(name, vocabulary == null)
                    vocabulary = readVocabulary()
                }

                "merges" -> {
                    once(name, !mergesSeen)
                    mergesSeen = true
                    mergeReader.read(reader, vocabulary)
                }

                "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                "byte_fallback", "ignore_merges",
                -> {
                    fields[name] = readValue(reader)
                }

                else -> {
                    reader.skipValue()
                }
            }
        }
        reader.endObject()
        return model()
    }

    private fun model(): BytePairModel {
        val type = fields["type"]
        if (type != "BPE") throw errors.unsupported("model", "a model of type BPE", type)
        for (name in listOf("continuing_subword_prefix", "end_of_word_suffix")) {
            val value = fields[name]
            if (value != null && value != "") throw errors.unsupported("model.$name", "none", value)
        }
        val dropout = fields["dropout"]
        if (dropout != null && (dropout as? JsonNumber)?.toDouble() != 0.0) {
            throw errors.unsupported("model.dropout", "none", dropout)
        }
        val known = vocabulary ?: throw errors.invalid("model.vocab", "an object of piece to id", "none")
        if (!mergesSeen) throw errors.invalid("model.merges", "a list of merges", "none")
        return BytePairModel(
            known,
            mergeReader.merges(known),
            unknown(known),
            flag("fuse_unk"),
            flag("byte_fallback"),
            flag("ignore_merges"),
        )
    }

    private fun unknown(vocabulary: Vocabulary): Int {
        val piece = fields["unk_token"] ?: return -1
        val id = vocabulary.find(piece.toString())
        if (id < 0) throw errors.invalid("model.unk_token", "a piece of the vocab", piece)
        return id
    }

    private fun flag(name: String): Boolean {
        val value = fields[name] ?: return false
        return value as? Boolean ?: throw errors.invalid("model.$name", "true or false", value)
    }

    private fun readVocabulary(): Vocabulary {
        val pieces = PieceTable()
        val scratch = ByteText()
        var ids = IntArray(1 shl 10)
        reader.beginObject()
        while (reader.hasNext()) {
            val piece = reader.nextName()
            scratch.clear()
            if (!scratch.appendUtf8(piece)) throw invalidVocab("text without lone surrogates", piece)
            if (reader.peek() != JsonToken.NUMBER) throw invalidVocab("a number for '$piece'", reader.peek())
            val id = reader.nextInt()
            if (id !in 0..MAX_ID) throw invalidVocab("ids from 0 to $MAX_ID", "$id for '$piece'")
            val count = pieces.size
            if (pieces.add(scratch.bytes, 0, scratch.size) != count) throw invalidVocab("each piece once", piece)
            if (count == ids.size) ids = ids.copyOf(count * 2)
            ids[count] = id
        }
        reader.endObject()
        ids = ids.copyOf(pieces.size)
        checkDistinct(ids)
        return Vocabulary(pieces, ids)
    }

    private fun checkDistinct(ids: IntArray) {
        val taken = BooleanArray(MAX_ID + 1)
        for (id in ids) {
            if (taken[id]) throw invalidVocab("each id once", id)
            taken[id] = true
        }
    }

    private fun invalidVocab(
        expected: String,
        found: Any?,
    ): Exception = errors.invalid("model.vocab", expected, found)

    private fun once(
        name: String,
        first: Boolean,
    ) {
        if (!first) throw errors.invalid("model.$name", "once", "twice")
    }

    private companion object {
        /** Tables are as long as the largest id. */
        const val MAX_ID = (1 shl 22) - 1
    }
}
