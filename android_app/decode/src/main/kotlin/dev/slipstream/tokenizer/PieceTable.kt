package dev.slipstream.tokenizer

/**
 * Distinct byte strings, numbered in the order they came, found again by open addressing: their bytes and 8 to 12
 * bytes each.
 */
internal class PieceTable {
    private val text = ByteText(1 shl 10)
    private var ends = IntArray(128)
    private var slots = IntArray(256) { FREE }

    var size: Int = 0
        private set

    /** The number of [bytes] from [from] to [to], which are taken in if they are new. */
    fun add(
        bytes: ByteArray,
        from: Int,
        to: Int,
    ): Int {
        val slot = slotOf(bytes, from, to)
        if (slots[slot] != FREE) return slots[slot]
        text.append(bytes, from, to)
        if (size == ends.size) ends = ends.copyOf(size * 2)
        ends[size] = text.size
        slots[slot] = size++
        if (size > slots.size / 4 * 3) grow()
        return size - 1
    }

    /** The number of these bytes, or -1. */
    fun find(
        bytes: ByteArray,
        from: Int,
        to: Int,
    ): Int = slots[slotOf(bytes, from, to)]

    fun string(number: Int): String = String(text.bytes, start(number), ends[number] - start(number), Charsets.UTF_8)

    private fun start(number: Int): Int = if (number == 0) 0 else ends[number - 1]

    private fun slotOf(
        bytes: ByteArray,
        from: Int,
        to: Int,
    ): Int {
        var slot = home(bytes, from, to)
        while (slots[slot] != FREE && !equal(slots[slot], bytes, from, to)) slot = slot + 1 and slots.size - 1
        return slot
    }

    private fun equal(
        number: Int,
        bytes: ByteArray,
        from: Int,
        to: Int,
    ): Boolean {
        val start = start(number)
        if (ends[number] - start != to - from) return false
        val own = text.bytes
        for (offset in 0 until to - from) if (own[start + offset] != bytes[from + offset]) return false
        return true
    }

    private fun grow() {
        slots = IntArray(slots.size * 2) { FREE }
        for (number in 0 until size) {
            var slot = home(text.bytes, start(number), ends[number])
            while (slots[slot] != FREE) slot = slot + 1 and slots.size - 1
            slots[slot] = number
        }
    }

    private fun home(
        bytes: ByteArray,
        from: Int,
        to: Int,
    ): Int {
        var hash = 0
        for (at in from until to) hash = hash * 31 + bytes[at]
        hash *= GOLDEN
        return hash ushr 8 xor hash and slots.size - 1
    }

    private companion object {
        const val FREE = -1
        const val GOLDEN = -0x61c88647
    }
}
