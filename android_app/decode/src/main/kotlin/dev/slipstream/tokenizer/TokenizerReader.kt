package dev.slipstream.tokenizer

import com.google.gson.Strictness
import com.google.gson.stream.JsonReader
import com.google.gson.stream.JsonToken
import dev.slipstream.json.JsonException
import dev.slipstream.json.readValue
import java.io.IOException
import java.io.InputStream
import java.io.InputStreamReader

/** A `tokenizer.json` as a [Tokenizer]. What encoding does not depend on here (the post-processor) is passed over. */
internal class TokenizerReader(
    json: InputStream,
    where: String,
) {
    private val errors = TokenizerErrors(where)

    // A decoder of its own refuses bytes that are no UTF-8; Charsets.UTF_8 alone would read them as U+FFFD.
    private val reader =
        JsonReader(InputStreamReader(json, Charsets.UTF_8.newDecoder())).apply { strictness = Strictness.STRICT }
    private val components = HashMap<String, Any?>()
    private var model: BytePairModel? = null

    fun read(): Tokenizer =
        try {
            readComponents()
            tokenizer()
        } catch (error: JsonException) {
            throw unreadable(error)
        } catch (error: IOException) {
            throw unreadable(error)
        } catch (error: IllegalStateException) {
            throw unreadable(error)
        } catch (error: NumberFormatException) {
            throw unreadable(error)
        }

    private fun readComponents() {
        reader.beginObject()
        while (reader.hasNext()) {
            when (val name = reader.nextName()) {
                "model" -> model = ModelReader(reader, errors).read()
                "post_processor" -> reader.skipValue()
                else -> components[name] = readValue(reader)
            }
        }
        reader.endObject()
        if (reader.peek() != JsonToken.END_DOCUMENT) throw errors.invalid("end", "nothing behind the object", "more")
    }

    private fun tokenizer(): Tokenizer {
        if (components["version"] != "1.0") throw errors.unsupported("version", "1.0", components["version"])
        for (name in listOf("truncation", "padding")) {
            val value = components[name]
            if (value != null) throw errors.unsupported(name, "none", value)
        }
        val model = model ?: throw errors.invalid("model", "a model", "none")
        val normalizer = readNormalizer(components["normalizer"], errors)
        val added = AddedTokenReader(model.vocabulary, normalizer, errors)
        val texts = added.read(components["added_tokens"])
        return Tokenizer(
            added.exact,
            normalizer,
            added.normalized,
            readWordSplit(components["pre_tokenizer"], errors),
            model,
            texts,
            added.tokens,
            readDecoderRules(components["decoder"], errors),
        )
    }

    private fun unreadable(error: Exception): Exception =
        errors.invalid("the JSON", "a tokenizer.json of the tokenizers library", error.message ?: "its end")
}
