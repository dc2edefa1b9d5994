package dev.slipstream.chat

import androidx.collection.IntObjectMap
import androidx.collection.IntSet
import androidx.collection.MutableIntObjectMap
import androidx.collection.MutableIntSet
import dev.slipstream.bundle.Tokens
import dev.slipstream.tokenizer.Tokenizer

/** A bundle's control tokens (CHAT.md, Tokens): by their text, and their texts by id. */
public class ControlTokens(
    format: ChatFormat?,
    tokens: Tokens,
    tokenizer: Tokenizer,
) {
    internal val byText: Map<String, ControlToken> =
        tokenizer.controlTokens(format?.texts().orEmpty(), tokens.stop.toSet() + tokens.bos + tokens.pad)
    internal val texts: IntObjectMap<String> =
        MutableIntObjectMap<String>().apply { byText.forEach { (text, token) -> put(token.id, text) } }
    internal val ids: IntSet = MutableIntSet().apply { byText.values.forEach { add(it.id) } }

    /** For tokens that follow a plain prompt: all text is the answer, and control tokens are no text. */
    public fun plainSplitter(tokenizer: Tokenizer): Splitter =
        Splitter(null, "", texts) { tokenizer.streamingDetokenizer() }
}
