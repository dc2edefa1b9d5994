package dev.slipstream.sampling

/**
 * The largest logits of a row and their tokens in the specification's order: descending, ascending by id among equals.
 * A candidate is one Long, larger the earlier it comes.
 */
internal class Candidates {
    private var keys = LongArray(0)
    private var spare = LongArray(0)
    private val places = IntArray(1 shl DIGIT_BITS)
    var count = 0
        private set

    fun token(index: Int): Int = MAX_TOKEN - keys[index].toInt()

    /** The logit, but that a negative zero is zero. */
    fun logit(index: Int): Float = logitOf(keys[index])

    /**
     * The [most] largest of [row]. A logit that is infinite or not a number is the error of [bestToken].
     *
     * Whatever may be among them is put aside, and when there is no more place the smaller ones go: that costs a few
     * steps a logit even where every one is larger than all before it.
     */
    fun takeBest(
        row: LogitRow,
        most: Int,
    ) {
        val limit = maxOf(LEAST_PLACE, 2 * most)
        if (keys.size < limit) keys = LongArray(limit)
        val logits = row.logits
        var threshold = Float.NEGATIVE_INFINITY
        count = 0
        for (token in 0 until row.size) {
            val logit = logits[token]
            if (logit <= threshold) {
                if (logit >= -Float.MAX_VALUE) continue
                throw notFinite(logit, token, row.size, row.position)
            }
            // Also taken by what is not a number.
            if (!(logit <= Float.MAX_VALUE)) throw notFinite(logit, token, row.size, row.position)
            keys[count++] = key(logit, token)
            if (count == limit) {
                selectLargest(keys, count, most)
                count = most
                threshold = logitOf(keys[most - 1])
            }
        }
        if (count > most) {
            selectLargest(keys, count, most)
            count = most
        }
        sortDescending(keys, count)
    }

    /** All of [row] that are [least] or more, but at most [most]; none of them may be infinite or not a number. */
    fun takeAll(
        row: LogitRow,
        least: Float,
        most: Int,
    ) {
        if (keys.size < row.size) keys = LongArray(row.size)
        if (spare.size < row.size) spare = LongArray(row.size)
        count = 0
        for (token in 0 until row.size) {
            val logit = row.logits[token]
            if (logit >= least) keys[count++] = key(logit, token)
        }
        for (digit in 0 until DIGITS) sortByDigit(FIRST_SHIFT + digit * DIGIT_BITS)
        count = minOf(count, most)
    }

    /** Stable: tokens came in ascending order, so that the logit's digits alone are sorted by, the largest first. */
    private fun sortByDigit(shift: Int) {
        places.fill(0)
        for (i in 0 until count) places[digit(keys[i], shift)] += 1
        var place = 0
        for (digit in places.size - 1 downTo 0) {
            val size = places[digit]
            places[digit] = place
            place += size
        }
        for (i in 0 until count) spare[places[digit(keys[i], shift)]++] = keys[i]
        val sorted = spare
        spare = keys
        keys = sorted
    }

    private fun digit(
        key: Long,
        shift: Int,
    ): Int = ((key xor Long.MIN_VALUE) ushr shift).toInt() and (1 shl DIGIT_BITS) - 1

    private companion object {
        const val MAX_TOKEN = Int.MAX_VALUE
        const val LEAST_PLACE = 1024
        const val DIGIT_BITS = 11
        const val DIGITS = 3
        const val FIRST_SHIFT = 32

        /** The bits of a float in the order of its value, and the token so that the smaller is the larger. */
        fun key(
            logit: Float,
            token: Int,
        ): Long {
            // Adding zero makes a negative zero equal to the other.
            val bits = (logit + 0f).toRawBits()
            val ordered = bits xor ((bits shr 31) and Int.MAX_VALUE)
            return (ordered.toLong() shl 32) or (MAX_TOKEN - token).toLong()
        }

        fun logitOf(key: Long): Float {
            val ordered = (key shr 32).toInt()
            return Float.fromBits(ordered xor ((ordered shr 31) and Int.MAX_VALUE))
        }
    }
}
