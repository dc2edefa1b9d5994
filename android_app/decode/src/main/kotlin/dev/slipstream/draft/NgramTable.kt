package dev.slipstream.draft

/**
 * Where each n-gram of [text] ended last, for one [n]: a hash table with open addressing whose entries are places in the
 * text, which are compared by the tokens there. Places are put in and removed at the text's end, in order.
 */
internal class NgramTable(
    val n: Int,
    private val text: IntArray,
) {
    // A place plus one; 0 is free. Twice as many as there can be places, so that a search soon ends.
    private val entries = IntArray(maxOf(2, 2 * Integer.highestOneBit(maxOf(1, 2 * text.size - 1))))
    private val mask = entries.size - 1
    private val shift = Integer.numberOfLeadingZeros(mask)

    // By place: where the same n-gram ended before.
    private val earlier = IntArray(text.size)

    /** Where the n-gram that ends at [place] ended before; [NOWHERE] if it did not, or the text is too short for it. */
    fun earlier(place: Int): Int = earlier[place]

    /** The text's last token is now that at [place]. */
    fun put(place: Int) {
        earlier[place] = NOWHERE
        if (place + 1 < n) return
        val at = find(place)
        earlier[place] = entries[at] - 1
        entries[at] = place + 1
    }

    /** Undoes the last [put], which was of [place]. */
    fun remove(place: Int) {
        if (place + 1 < n) return
        // An entry that was new is the last of every search that passes it, so that freeing it hides no other.
        entries[find(place)] = earlier[place] + 1
    }

    /** Index of the entry of the n-gram that ends at [place], or of the free one where it belongs. */
    private fun find(place: Int): Int {
        var at = hash(place)
        while (entries[at] != 0 && !isSame(entries[at] - 1, place)) at = at + 1 and mask
        return at
    }

    private fun hash(place: Int): Int {
        var hash = 0
        for (i in place + 1 - n..place) hash = (hash + text[i]) * GOLDEN_RATIO
        return hash ushr shift
    }

    private fun isSame(
        end: Int,
        other: Int,
    ): Boolean {
        for (i in 0 until n) if (text[end - i] != text[other - i]) return false
        return true
    }

    companion object {
        const val NOWHERE: Int = -1
        private const val GOLDEN_RATIO = -0x61c88647
    }
}
