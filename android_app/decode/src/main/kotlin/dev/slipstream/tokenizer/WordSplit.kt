package dev.slipstream.tokenizer

/** Cuts text into the words that the model encodes one by one: behind every [delimiter]; null leaves it whole. */
internal class WordSplit(
    private val delimiter: ByteArray?,
) {
    fun split(
        bytes: ByteArray,
        from: Int,
        to: Int,
        onWord: (from: Int, to: Int) -> Unit,
    ) {
        var begin = from
        if (delimiter != null) {
            var at = indexOf(bytes, to, delimiter, begin)
            while (at >= 0) {
                onWord(begin, at + delimiter.size)
                begin = at + delimiter.size
                at = indexOf(bytes, to, delimiter, begin)
            }
        }
        if (begin < to) onWord(begin, to)
    }
}
