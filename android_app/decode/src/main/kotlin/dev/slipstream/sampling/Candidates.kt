package dev.slipstream.sampling

import kotlin.math.nextDown

/**
 * The largest logits of a row and their tokens in the specification's order: descending, ascending by id among equals.
 * A candidate is one Long, larger the earlier it comes.
 */
internal class Candidates {
    private var keys = LongArray(0)
    private var spare = LongArray(0)
    private var maxima = FloatArray(0)

    /** There is room for so many, until all but the best go. */
    private var limit = 0
    private var shrinks = 0

    /** No logit from here on that is not larger is a candidate. */
    private var threshold = Float.NEGATIVE_INFINITY
    private val places = IntArray(1 shl DIGIT_BITS)
    var count = 0
        private set

    fun token(index: Int): Int = MAX_TOKEN - keys[index].toInt()

    /** The logit, but that a negative zero is zero. */
    fun logit(index: Int): Float = logitOf(keys[index])

    /**
     * The [most] largest of [row]. A logit that is infinite or not a number is the error of [BestToken].
     *
     * Whatever may be among them is put aside, and when there is no more place the smaller ones go: twice or three times
     * in a row of Gemma's vocabulary. Where it is more often, logits rise and nearly each is put aside: the rest is then
     * taken by blocks, few of which have any.
     */
    fun takeBest(
        row: LogitRow,
        most: Int,
    ) {
        limit = maxOf(LEAST_PLACE, 2 * most)
        if (keys.size < limit) keys = LongArray(limit)
        count = 0
        shrinks = 0
        threshold = Float.NEGATIVE_INFINITY
        var done = 0
        while (done < row.size && shrinks < USUAL_SHRINKS) {
            val end = minOf(done + CHUNK, row.size)
            take(row, done, end, most)
            done = end
        }
        if (done < row.size) takeByBlocks(row, done, most)
        if (count > most) shrink(most)
        sortDescending(keys, count)
    }

    /** Candidates among the logits of [row] from [begin] until [end]. */
    private fun take(
        row: LogitRow,
        begin: Int,
        end: Int,
        most: Int,
    ) {
        val logits = row.logits
        var threshold = threshold
        for (token in begin until end) {
            val logit = logits[token]
            if (logit <= threshold) {
                if (logit >= -Float.MAX_VALUE) continue
                throw row.notFinite()
            }
            // Also taken by what is not a number.
            if (!(logit <= Float.MAX_VALUE)) throw row.notFinite()
            keys[count++] = key(logit, token)
            if (count == limit) {
                shrink(most)
                threshold = this.threshold
            }
        }
    }

    /** Candidates among the logits of [row] from [begin] on. */
    private fun takeByBlocks(
        row: LogitRow,
        begin: Int,
        most: Int,
    ) {
        val blocks = findMaxima(row, begin)
        raiseThreshold(blocks, most)
        for (block in 0 until blocks) {
            if (maxima[block] <= threshold) continue
            val from = begin + block * BLOCK
            take(row, from, minOf(from + BLOCK, row.size), most)
        }
    }

    /** The largest logit of each block of [row] from [begin] on in [maxima]; returns how many blocks there are. */
    private fun findMaxima(
        row: LogitRow,
        begin: Int,
    ): Int {
        val blocks = (row.size - begin + BLOCK - 1) / BLOCK
        if (maxima.size < blocks) maxima = FloatArray(blocks)
        val logits = row.logits
        for (block in 0 until blocks) {
            val from = begin + block * BLOCK
            var largest = Float.NEGATIVE_INFINITY
            var isFinite = true
            for (token in from until minOf(from + BLOCK, row.size)) {
                val logit = logits[token]
                if (logit > largest) largest = logit
                // Nor is what is not a number.
                if (!(logit >= -Float.MAX_VALUE)) isFinite = false
            }
            if (!isFinite || largest > Float.MAX_VALUE) throw row.notFinite()
            maxima[block] = largest
        }
        return blocks
    }

    /** Of so many [blocks], as many as are asked for have a logit that is not below the [most]th of their maxima. */
    private fun raiseThreshold(
        blocks: Int,
        most: Int,
    ) {
        if (blocks < most) return
        if (spare.size < blocks) spare = LongArray(blocks)
        for (block in 0 until blocks) spare[block] = key(maxima[block], block)
        selectLargest(spare, blocks, most)
        threshold = maxOf(threshold, logitOf(spare[most - 1]).nextDown())
    }

    /** Of the candidates the [most] largest stay; of later logits only larger ones may join them. */
    private fun shrink(most: Int) {
        selectLargest(keys, count, most)
        count = most
        shrinks += 1
        threshold = logitOf(keys[most - 1])
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
        const val CHUNK = 2048

        /** In random order, 64 of a thousand logits, then of 16 thousand, then of a quarter million come to them. */
        const val USUAL_SHRINKS = 4
        const val BLOCK = 128
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
