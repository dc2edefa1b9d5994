package dev.slipstream.tokenizer

import androidx.collection.IntList
import androidx.collection.IntSet
import androidx.collection.MutableIntList
import androidx.collection.emptyIntSet
import dev.slipstream.chat.ControlToken
import dev.slipstream.errors.BundleException
import java.io.InputStream

/**
 * The tokenizer of a Hugging Face `tokenizer.json`: the same ids and the same text as the `tokenizers` library, for
 * the kind that Gemma has. That is BPE with or without byte fallback, a normalizer of Replace and Prepend, a Split
 * behind a string or none, added tokens, and a decoder of Replace, ByteFallback, Fuse and Strip.
 *
 * Never changes, so any thread may use it.
 */
public class Tokenizer internal constructor(
    private val exactTokens: AddedTokens,
    private val normalizer: Normalizer,
    private val normalizedTokens: AddedTokens,
    private val words: WordSplit,
    private val model: BytePairModel,
    private val texts: TokenTexts,
    private val addedTokens: List<AddedToken>,
    private val rules: DecoderRules,
) {
    /**
     * The ids of [text], without a beginning-of-sequence token before them. Added tokens that are spelled out in the
     * text become their ids, but for those of [asText], which are encoded as the letters they are. Every lone surrogate
     * is taken for U+FFFD. O(n log n).
     */
    public fun encode(
        text: String,
        asText: IntSet = emptyIntSet(),
    ): IntList {
        val result = MutableIntList()
        val symbols = Symbols()
        val source = ByteText(text.length + text.length / 2)
        source.appendUtf8(text)
        exactTokens.split(
            source.bytes,
            source.size,
            asText,
            onText = {
                from,
                to,
                ->
                encodeNormalized(normalizer.apply(source.bytes, from, to), asText, symbols, result)
            },
            onToken = { result.add(it) },
        )
        return result
    }

    private fun encodeNormalized(
        text: ByteText,
        asText: IntSet,
        symbols: Symbols,
        result: MutableIntList,
    ): Unit =
        normalizedTokens.split(
            text.bytes,
            text.size,
            asText,
            onText = { from, to ->
                words.split(
                    text.bytes,
                    from,
                    to,
                ) { begin, end -> model.encode(text.bytes, begin, end, symbols, result) }
            },
            onToken = { result.add(it) },
        )

    /** The control tokens of CHAT.md by their text: added tokens that are special, occur in [texts] or are [ids]. */
    public fun controlTokens(
        texts: Collection<String>,
        ids: Set<Int>,
    ): Map<String, ControlToken> =
        addedTokens
            .filter { token -> token.special || token.id in ids || texts.any { token.content in it } }
            .associate { it.content to ControlToken(it.id, it.leftStrip, it.rightStrip) }

    /**
     * The text of [tokens]. A run of byte tokens that is no UTF-8 becomes one U+FFFD a byte. Ids that no token has are
     * left out; with [skipSpecialTokens] special tokens are too.
     */
    public fun decode(
        tokens: IntList,
        skipSpecialTokens: Boolean = false,
    ): String {
        val result = StringBuilder()
        val decoder = TokenDecoder(texts, rules, skipSpecialTokens, result)
        tokens.forEach { decoder.append(it) }
        decoder.finish()
        return result.toString()
    }

    /** A detokenizer for one reply, whose tokens come one by one. */
    public fun streamingDetokenizer(skipSpecialTokens: Boolean = false): StreamingDetokenizer =
        StreamingDetokenizer(texts, rules, skipSpecialTokens)

    public companion object {
        /**
         * Reads a `tokenizer.json` of any size as a stream; [json] stays open. [where] names the file in errors.
         *
         * Throws [BundleException] when it is damaged, and when it asks for anything this tokenizer would do otherwise
         * than the library: the error names the component.
         */
        public fun read(
            json: InputStream,
            where: String = "tokenizer.json",
        ): Tokenizer = TokenizerReader(json, where).read()

        /** The same of [json] in memory. */
        public fun read(
            json: ByteArray,
            where: String = "tokenizer.json",
        ): Tokenizer = read(json.inputStream(), where)
    }
}
