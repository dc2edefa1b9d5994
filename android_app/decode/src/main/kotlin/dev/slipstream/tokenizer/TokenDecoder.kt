package dev.slipstream.tokenizer

/**
 * Tokens to text, one after the other. A run of byte tokens is text only when it is UTF-8 as a whole, else one U+FFFD
 * a byte: so its text is known when it ends. Tokens without text do not end it.
 */
internal class TokenDecoder(
    private val texts: TokenTexts,
    private val rules: DecoderRules,
    private val skipSpecialTokens: Boolean,
    private val result: StringBuilder,
) {
    private val run = ByteText(16)
    private var toStrip = rules.stripWhole?.count ?: 0

    fun append(token: Int) {
        val piece = rules.apply(texts.text(token, skipSpecialTokens) ?: return)
        val byte = if (rules.byteFallback) byteOf(piece) else -1
        if (byte >= 0) {
            run.append(byte)
        } else {
            endRun()
            emit(piece)
        }
    }

    fun finish(): Unit = endRun()

    /** Ends with whole characters: a last one whose bytes did not all come is left out. */
    fun finishWhole() {
        run.drop(unfinishedSize(run.bytes, run.size))
        endRun()
    }

    private fun endRun() {
        if (run.size == 0) return
        if (isUtf8(run.bytes, run.size)) {
            emit(String(run.bytes, 0, run.size, Charsets.UTF_8))
        } else {
            emit(REPLACEMENT_TEXT.repeat(run.size))
        }
        run.clear()
    }

    private fun emit(text: String) {
        var begin = 0
        while (toStrip > 0 && begin < text.length) {
            val content = rules.stripWhole?.content.orEmpty()
            if (text.startsWith(content, begin)) {
                begin += content.length
                toStrip--
            } else {
                toStrip = 0
            }
        }
        result.append(text, begin, text.length)
    }
}

/** The byte that `<0x41>` names, or -1. As Rust reads numbers: hexadecimal of either case, or a plus and one digit. */
internal fun byteOf(piece: String): Int {
    if (piece.length != 6 || !piece.startsWith("<0x") || piece[5] != '>') return -1
    val low = hexDigit(piece[4])
    val high = if (piece[3] == '+') 0 else hexDigit(piece[3])
    return if (low < 0 || high < 0) -1 else high * 16 + low
}

private fun hexDigit(char: Char): Int =
    when (char) {
        in '0'..'9' -> char - '0'
        in 'a'..'f' -> char - 'a' + 10
        in 'A'..'F' -> char - 'A' + 10
        else -> -1
    }

private const val REPLACEMENT_TEXT = "\uFFFD"
