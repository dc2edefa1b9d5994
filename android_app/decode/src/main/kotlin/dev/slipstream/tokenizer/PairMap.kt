package dev.slipstream.tokenizer

/**
 * Pairs of ints to two ints, by open addressing: 16 bytes a slot, no boxes. Ids are never negative, so that a key of
 * -1 is a free slot.
 */
internal class PairMap(
    capacity: Int = 16,
) {
    private var keys = LongArray(capacity) { FREE }
    private var values = LongArray(capacity)
    private var size = 0

    /** Puts the values of (left, right); a later put replaces an earlier one. */
    fun put(
        left: Int,
        right: Int,
        first: Int,
        second: Int,
    ) {
        if (size + 1 > keys.size / 4 * 3) grow()
        insert(pack(left, right), pack(first, second))
    }

    /** The slot of (left, right) for [first] and [second], or -1. */
    fun find(
        left: Int,
        right: Int,
    ): Int {
        val key = pack(left, right)
        var slot = home(key)
        while (keys[slot] != key) {
            if (keys[slot] == FREE) return -1
            slot = slot + 1 and keys.size - 1
        }
        return slot
    }

    fun first(slot: Int): Int = (values[slot] ushr 32).toInt()

    fun second(slot: Int): Int = values[slot].toInt()

    private fun insert(
        key: Long,
        value: Long,
    ) {
        var slot = home(key)
        while (keys[slot] != FREE && keys[slot] != key) slot = slot + 1 and keys.size - 1
        if (keys[slot] == FREE) size++
        keys[slot] = key
        values[slot] = value
    }

    private fun grow() {
        val oldKeys = keys
        val oldValues = values
        keys = LongArray(oldKeys.size * 2) { FREE }
        values = LongArray(oldKeys.size * 2)
        size = 0
        for (slot in oldKeys.indices) if (oldKeys[slot] != FREE) insert(oldKeys[slot], oldValues[slot])
    }

    private fun home(key: Long): Int = (key * GOLDEN ushr 32).toInt() and keys.size - 1

    private fun pack(
        high: Int,
        low: Int,
    ): Long = high.toLong() shl 32 or (low.toLong() and 0xFFFFFFFFL)

    private companion object {
        const val FREE = -1L

        // 2^64 divided by the golden ratio: spreads neighbouring ids over the table.
        const val GOLDEN = -0x61c8864680b583ebL
    }
}
