package dev.slipstream.bundle

/** Digests of the bytes [begin, end) of the file, which are fed in order. */
internal class SectionDigest(
    private val begin: Long,
    private val end: Long,
) {
    private val size = blockSize(end - begin)
    private val whole = newSha256()
    private val block = newSha256()
    private var filled = 0L
    private var sums = ByteSums(0, 0)
    private val digests = ArrayList<String>()
    private val pairs = ArrayList<ByteSums>()

    /** Takes what of [count] bytes of [buffer], which stand at [offset] of the file, is in the range. */
    fun feed(
        buffer: ByteArray,
        offset: Long,
        count: Int,
    ) {
        var from = maxOf(begin - offset, 0).coerceAtMost(count.toLong()).toInt()
        val until = maxOf(end - offset, 0).coerceAtMost(count.toLong()).toInt()
        if (from < until) whole.update(buffer, from, until - from)
        while (from < until) {
            val piece = minOf(size - filled, (until - from).toLong()).toInt()
            block.update(buffer, from, piece)
            val (plain, weighted) = byteSums(buffer, from, piece)
            sums = ByteSums(sums.plain + plain, sums.weighted + weighted + filled * plain)
            filled += piece
            from += piece
            if (filled == size) closeBlock()
        }
    }

    /** The SHA-256 of the whole, and the blocks. */
    fun result(): Pair<String, Blocks> {
        if (filled > 0) closeBlock()
        return hex(whole.digest()) to Blocks(size, digests, pairs)
    }

    private fun closeBlock() {
        digests.add(hex(block.digest()).take(16))
        pairs.add(sums)
        filled = 0
        sums = ByteSums(0, 0)
    }
}

/** The smallest power of two, at least 4096, that cuts [length] bytes into at most 1024 blocks. */
internal fun blockSize(length: Long): Long {
    var size = MIN_BLOCK.toLong()
    while ((length - 1) / size >= MAX_BLOCKS) size *= 2
    return size
}
