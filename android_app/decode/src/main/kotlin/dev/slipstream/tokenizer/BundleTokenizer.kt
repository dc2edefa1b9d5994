package dev.slipstream.tokenizer

import androidx.collection.IntList
import androidx.collection.IntSet
import androidx.collection.emptyIntSet
import dev.slipstream.bundle.spell
import dev.slipstream.errors.BundleException
import dev.slipstream.errors.PromptTooLongException
import dev.slipstream.errors.UsageException

/** A bundle's [tokenizer] within the bounds of BUNDLE.md: text of a size that the context bounds, ids that the model has. */
public class BundleTokenizer(
    public val tokenizer: Tokenizer,
    private val vocabSize: Int,
    contextLength: Int,
    private val where: String,
) {
    private val mostBytes = BYTES_A_SLOT * contextLength

    /**
     * As [Tokenizer.encode]. UsageException for text that is no Unicode, PromptTooLongException for more bytes than the
     * context can hold, BundleException for a token that the model does not have.
     */
    public fun encode(
        text: String,
        asText: IntSet = emptyIntSet(),
    ): IntList {
        val half = halfCharacter(text)
        if (half >= 0) throw noUnicode(text, half)
        checkSize(utf8Size(text))
        val tokens = tokenizer.encode(text, asText)
        tokens.forEach { if (it >= vocabSize) throw unknown(it) }
        return tokens
    }

    /** PromptTooLongException for more bytes of text than the context can hold. */
    internal fun checkSize(bytes: Long) {
        if (bytes <= mostBytes) return
        throw PromptTooLongException(
            "The prompt is too long for the context",
            expected = "at most $mostBytes bytes, $BYTES_A_SLOT for every slot of the context",
            found = "$bytes bytes",
            where = "the prompt and the texts of the chat template",
            action = "Shorten the prompt, or export with a larger --context.",
        )
    }

    private fun noUnicode(
        text: String,
        at: Int,
    ) = UsageException(
        "The prompt is not Unicode text",
        expected = "text in UTF-8",
        found = "${spell(text[at].toString())} at character ${text.codePointCount(0, at)}",
        where = "the prompt",
        action = "Give the prompt in UTF-8.",
    )

    private fun unknown(token: Int) =
        BundleException(
            "The tokenizer does not fit the model",
            expected = "token ids from 0 to ${vocabSize - 1}",
            found = "$token",
            where = where,
            action = "Export the bundle again from a checkpoint whose tokenizer is its own.",
        )

    private companion object {
        const val BYTES_A_SLOT = 128L
    }
}
