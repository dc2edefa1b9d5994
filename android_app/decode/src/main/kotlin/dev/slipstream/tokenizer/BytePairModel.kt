package dev.slipstream.tokenizer

import androidx.collection.MutableIntList

/**
 * Byte-pair encoding as `tokenizers` does it. [merges] has (rank, id of the result) of a pair of ids; [unknown] is the
 * id for characters without a piece, -1 to leave them out.
 */
internal class BytePairModel(
    val vocabulary: Vocabulary,
    private val merges: PairMap,
    private val unknown: Int,
    private val fuseUnknown: Boolean,
    private val byteFallback: Boolean,
    private val ignoreMerges: Boolean,
) {
    /** Appends the ids of one word: O(n log n) in its bytes. [scratch] is reused between words of one thread. */
    fun encode(
        bytes: ByteArray,
        from: Int,
        to: Int,
        scratch: Symbols,
        result: MutableIntList,
    ) {
        if (ignoreMerges) {
            val whole = vocabulary.find(bytes, from, to)
            if (whole >= 0) {
                result.add(whole)
                return
            }
        }
        scratch.clear()
        characters(bytes, from, to, scratch)
        merge(scratch)
        scratch.appendTo(result)
    }

    private fun characters(
        bytes: ByteArray,
        from: Int,
        to: Int,
        symbols: Symbols,
    ) {
        // An unknown waits for the next character that has a piece: those that follow may fuse with it, and bytes that
        // stand for characters go before it. So does the library.
        var waiting = false
        var at = from
        while (at < to) {
            val end = at + utf8Length(bytes[at])
            val id = vocabulary.find(bytes, at, end)
            if (id >= 0) {
                if (waiting) symbols.add(unknown)
                waiting = false
                symbols.add(id)
            } else if (!(byteFallback && addBytes(bytes, at, end, symbols)) && unknown >= 0) {
                if (waiting && !fuseUnknown) symbols.add(unknown)
                waiting = true
            }
            at = end
        }
        if (waiting) symbols.add(unknown)
    }

    /** One token a byte; false when one of them has none. */
    private fun addBytes(
        bytes: ByteArray,
        from: Int,
        to: Int,
        symbols: Symbols,
    ): Boolean {
        val tokens = vocabulary.byteTokens
        for (at in from until to) if (tokens[bytes[at].toInt() and 0xFF] < 0) return false
        for (at in from until to) symbols.add(tokens[bytes[at].toInt() and 0xFF])
        return true
    }

    private fun merge(symbols: Symbols) {
        val queue = symbols.queue
        for (position in 0 until symbols.size - 1) offer(symbols, position)
        while (queue.size > 0) {
            val top = queue.pop()
            val position = top.toInt()
            val next = symbols.next(position)
            if (next < 0) continue
            // The pair may have changed since it was queued; a rank belongs to one pair only.
            val found = merges.find(symbols.id(position), symbols.id(next))
            if (found < 0 || merges.first(found) != (top ushr 32).toInt()) continue
            symbols.join(position, merges.second(found))
            offer(symbols, symbols.previous(position))
            offer(symbols, position)
        }
    }

    private fun offer(
        symbols: Symbols,
        position: Int,
    ) {
        if (position < 0) return
        val next = symbols.next(position)
        if (next < 0) return
        val found = merges.find(symbols.id(position), symbols.id(next))
        if (found >= 0) symbols.queue.push(merges.first(found), position)
    }
}
