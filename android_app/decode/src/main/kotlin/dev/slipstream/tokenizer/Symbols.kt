package dev.slipstream.tokenizer

import androidx.collection.MutableIntList

/** A word under merging: ids in a doubly linked list over their first positions, and the queue of possible merges. */
internal class Symbols {
    private var ids = IntArray(64)
    private var before = IntArray(64)
    private var after = IntArray(64)

    val queue: MergeQueue = MergeQueue()

    var size: Int = 0
        private set

    fun clear() {
        size = 0
    }

    fun add(id: Int) {
        if (size == ids.size) {
            ids = ids.copyOf(size * 2)
            before = before.copyOf(size * 2)
            after = after.copyOf(size * 2)
        }
        ids[size] = id
        before[size] = size - 1
        after[size] = -1
        if (size > 0) after[size - 1] = size
        size++
    }

    fun id(position: Int): Int = ids[position]

    fun previous(position: Int): Int = before[position]

    /** The position after, or -1 for the last symbol and for one that was joined to another. */
    fun next(position: Int): Int = after[position]

    /** Makes [position] and the symbol after it one, with [id]. */
    fun join(
        position: Int,
        id: Int,
    ) {
        val gone = after[position]
        val next = after[gone]
        ids[position] = id
        ids[gone] = GONE
        after[position] = next
        after[gone] = -1
        if (next >= 0) before[next] = position
    }

    fun appendTo(result: MutableIntList) {
        for (position in 0 until size) if (ids[position] != GONE) result.add(ids[position])
    }

    private companion object {
        const val GONE = -1
    }
}
