package dev.slipstream.bundle

private const val CHUNK = 1024 * 1024

// Larger blocks, of sections beyond 16 GiB, are named as a whole: looking for one byte takes a block's memory.
private const val MAX_SEARCHED_BLOCK = 16L * 1024 * 1024

/**
 * One pass over the file with a reused buffer (read, not mapped: mapped pages count as resident).
 *
 * Returns what is wrong per section, in the manifest's order, after the first byte that is not zero outside all
 * sections and [covered]. BundleException when the file has become shorter.
 */
internal fun scan(
    source: ByteSource,
    entries: List<SectionEntry>,
    covered: List<ByteRange>,
    onProgress: (Long) -> Unit,
): List<Damage> {
    val digests = entries.map { SectionDigest(it.begin, it.end) }
    val gaps = gaps(source.size, entries.map { ByteRange(it.begin, it.end) } + covered)
    val buffer = ByteArray(minOf(CHUNK.toLong(), source.size).toInt())
    var stray: Damage? = null
    for (offset in 0 until source.size step CHUNK.toLong()) {
        val count = minOf(CHUNK.toLong(), source.size - offset).toInt()
        source.read(offset, buffer, count)
        for (digest in digests) digest.feed(buffer, offset, count)
        stray = stray ?: firstNonzero(buffer, offset, count, gaps)
        onProgress(offset + count)
    }
    val damages = entries.zip(digests).mapNotNull { (entry, digest) -> sectionDamage(source, entry, digest) }
    return listOfNotNull(stray) + damages
}

/** What lies in no range of [ranges], in order. */
internal fun gaps(
    size: Long,
    ranges: List<ByteRange>,
): List<ByteRange> {
    val gaps = ArrayList<ByteRange>()
    var position = 0L
    for (range in ranges.sortedBy { it.begin }) {
        if (range.begin > position) gaps.add(ByteRange(position, range.begin))
        position = maxOf(position, range.end)
    }
    if (position < size) gaps.add(ByteRange(position, size))
    return gaps
}

private fun firstNonzero(
    buffer: ByteArray,
    offset: Long,
    count: Int,
    gaps: List<ByteRange>,
): Damage? {
    for (gap in gaps) {
        val begin = maxOf(gap.begin, offset)
        for (position in begin until minOf(gap.end, offset + count)) {
            val value = buffer[(position - offset).toInt()].toInt() and 0xff
            if (value != 0) return Damage(listOf("padding"), position, position + 1, 0, value)
        }
    }
    return null
}

/** The first wrong byte, or block when more than one byte of it changed, of a section whose digests differ. */
private fun sectionDamage(
    source: ByteSource,
    entry: SectionEntry,
    digest: SectionDigest,
): Damage? {
    val (sha256, actual) = digest.result()
    val stored = entry.blocks
    if (entry.sha256 == sha256 && stored == actual) return null
    val names = listOf(entry.name)
    val wrong =
        if (stored.size ==
            actual.size
        ) {
            stored.digests.indices.firstOrNull { stored.digests[it] != actual.digests[it] }
        } else {
            null
        }
    if (wrong == null) return Damage(names, entry.begin, entry.end)
    val begin = entry.begin + wrong * stored.size
    val end = minOf(begin + stored.size, entry.end)
    if (end - begin > MAX_SEARCHED_BLOCK) return Damage(names, begin, end)
    val bytes = source.read(begin, end)
    val hit = changedByte(bytes, stored.sums[wrong]) { shortDigest(it) == stored.digests[wrong] }
    return oneByte(entry.name, begin, bytes, hit) ?: Damage(names, begin, end)
}
