package dev.slipstream.tokenizer

/** The model's pieces and their ids, both ways. [byteTokens] has the id of `<0x00>` to `<0xFF>`, -1 where missing. */
internal class Vocabulary(
    private val pieces: PieceTable,
    private val ids: IntArray,
) {
    private val numbers = IntArray((ids.maxOrNull() ?: -1) + 1) { -1 }

    init {
        for (number in ids.indices) numbers[ids[number]] = number
    }

    val byteTokens: IntArray = IntArray(256) { byte -> find(byteTokenText(byte)) }

    val size: Int get() = ids.size

    /** The id of the piece with these bytes, or -1. */
    fun find(
        bytes: ByteArray,
        from: Int,
        to: Int,
    ): Int {
        val number = pieces.find(bytes, from, to)
        return if (number < 0) -1 else ids[number]
    }

    fun find(piece: String): Int {
        val bytes = utf8(piece)
        return find(bytes, 0, bytes.size)
    }

    /** The text of [id], or null when no piece has it. */
    fun piece(id: Int): String? {
        val number = numbers.getOrElse(id) { -1 }
        return if (number < 0) null else pieces.string(number)
    }
}

/** The name of a byte's token, as `tokenizers` writes it: `<0x0A>`. */
private fun byteTokenText(byte: Int): String {
    val digits = byte.toString(16).uppercase().padStart(2, '0')
    return "<0x$digits>"
}
