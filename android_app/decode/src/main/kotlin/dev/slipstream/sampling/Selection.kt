package dev.slipstream.sampling

// Selecting and sorting in place: the library's own sort may allocate.

/**
 * Moves the [most] largest of the first [count] of [keys] to the beginning, the smallest of them to the last place
 * there. No two are equal.
 */
internal fun selectLargest(
    keys: LongArray,
    count: Int,
    most: Int,
) {
    var from = 0
    var to = count - 1
    val wanted = most - 1
    while (from < to) {
        val pivot = middleOf(keys[from], keys[(from + to) ushr 1], keys[to])
        var i = from
        var j = to
        while (i <= j) {
            while (keys[i] > pivot) i++
            while (keys[j] < pivot) j--
            if (i <= j) swap(keys, i++, j--)
        }
        if (wanted <= j) {
            to = j
        } else if (wanted >= i) {
            from = i
        } else {
            return
        }
    }
}

/** Sorts the first [count] of [keys], the largest first: by a heap whose top is the smallest. */
internal fun sortDescending(
    keys: LongArray,
    count: Int,
) {
    for (root in count / 2 - 1 downTo 0) siftDown(keys, root, count)
    for (last in count - 1 downTo 1) {
        swap(keys, 0, last)
        siftDown(keys, 0, last)
    }
}

private fun siftDown(
    keys: LongArray,
    root: Int,
    count: Int,
) {
    val key = keys[root]
    var hole = root
    while (true) {
        var child = 2 * hole + 1
        if (child >= count) break
        if (child + 1 < count && keys[child + 1] < keys[child]) child++
        if (keys[child] >= key) break
        keys[hole] = keys[child]
        hole = child
    }
    keys[hole] = key
}

private fun middleOf(
    a: Long,
    b: Long,
    c: Long,
): Long = maxOf(minOf(a, b), minOf(maxOf(a, b), c))

private fun swap(
    keys: LongArray,
    i: Int,
    j: Int,
) {
    val key = keys[i]
    keys[i] = keys[j]
    keys[j] = key
}
