package dev.slipstream.tokenizer

/** A binary heap of (rank, position): the lowest rank first, of equal ranks the leftmost. */
internal class MergeQueue {
    private var heap = LongArray(64)

    var size: Int = 0
        private set

    fun push(
        rank: Int,
        position: Int,
    ) {
        if (size == heap.size) heap = heap.copyOf(size * 2)
        val entry = rank.toLong() shl 32 or position.toLong()
        var at = size++
        while (at > 0) {
            val parent = (at - 1) / 2
            if (heap[parent] <= entry) break
            heap[at] = heap[parent]
            at = parent
        }
        heap[at] = entry
    }

    /** Takes out the first entry: rank in the high half, position in the low one. */
    fun pop(): Long {
        val top = heap[0]
        val last = heap[--size]
        var at = 0
        while (true) {
            var child = 2 * at + 1
            if (child >= size) break
            if (child + 1 < size && heap[child + 1] < heap[child]) child++
            if (heap[child] >= last) break
            heap[at] = heap[child]
            at = child
        }
        heap[at] = last
        return top
    }
}
