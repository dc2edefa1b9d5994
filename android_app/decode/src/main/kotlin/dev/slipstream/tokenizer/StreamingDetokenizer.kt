package dev.slipstream.tokenizer

import dev.slipstream.chat.TextSource

/**
 * Tokens to text while they come. The pieces, joined, are what [Tokenizer.decode] gives for all the tokens, but for a
 * character that is cut at the end, and none has to be taken back: a run of byte tokens is held until it ends, as a later byte can still make it invalid. Which
 * tokens are to be seen is the caller's choice.
 *
 * For one reply and one thread. Constant work and memory a token, but for a run that is held.
 */
public class StreamingDetokenizer internal constructor(
    texts: TokenTexts,
    rules: DecoderRules,
    skipSpecialTokens: Boolean,
) : TextSource {
    private val pending = StringBuilder()
    private val decoder = TokenDecoder(texts, rules, skipSpecialTokens, pending)

    /** The text that [token] completes, whole characters only; empty when there is none yet. */
    override fun append(token: Int): String {
        decoder.append(token)
        return take()
    }

    /**
     * The rest: a byte run that no token ended, but for a last character whose bytes did not all come. After it the
     * detokenizer goes on as if the run had been ended.
     */
    override fun finish(): String {
        decoder.finishWhole()
        return take()
    }

    private fun take(): String = pending.toString().also { pending.setLength(0) }
}
