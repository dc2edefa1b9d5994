package dev.slipstream.bundle

internal const val MIN_BLOCK = 4096
internal const val MAX_BLOCKS = 1024

/** Digests of a section's blocks of [size] bytes: the first 16 hex digits of each one's SHA-256, and its byte sums. */
public data class Blocks(
    val size: Long,
    val digests: List<String>,
    val sums: List<ByteSums>,
) {
    init {
        val powerOfTwo = size >= MIN_BLOCK && size and (size - 1) == 0L
        checkManifest(powerOfTwo, "sections blocks.size", "a power of two of at least $MIN_BLOCK") { size }
        checkManifest(digests.size <= MAX_BLOCKS, "sections blocks.digests", "at most $MAX_BLOCKS") { digests.size }
        checkManifest(sums.size == digests.size, "sections blocks.sums", "one pair a digest") { sums.size }
        for (digest in digests) checkHex(digest, 16, "sections blocks.digests")
    }

    internal companion object {
        fun read(
            value: Any?,
            key: String,
        ): Blocks {
            val fields = JsonFields(value, key, listOf("size", "digests", "sums"))
            val size = fields.long("size", Long.MIN_VALUE)
            return Blocks(size, fields.texts("digests"), fields.list("sums", ::readSums))
        }

        private fun readSums(
            value: Any?,
            key: String,
        ): ByteSums {
            val pair = asList(value, key)
            checkManifest(pair.size == 2, key, "2 values") { pair }
            val (plain, weighted) =
                pair.mapIndexed { index, sum -> asLong(sum, "$key[$index]", "sections blocks.sums", 0, INT63_MAX) }
            return ByteSums(plain, weighted)
        }
    }
}
