package dev.slipstream.draft

/** The lower median of the last [size] (>= 1) numbers: one slow round among them moves nothing. 0.0 before there is one. */
internal class RecentMedian(
    val size: Int,
) {
    private val recent = DoubleArray(size)
    private val sorted = DoubleArray(size)
    private var oldest = 0

    var count: Int = 0
        private set
    var value: Double = 0.0
        private set

    fun add(value: Double) {
        if (count == size) forgetOldest()
        recent[(oldest + count) % size] = value
        var place = count
        while (place > 0 && sorted[place - 1] > value) {
            sorted[place] = sorted[place - 1]
            place -= 1
        }
        sorted[place] = value
        count += 1
        this.value = sorted[(count - 1) / 2]
    }

    /** Forgets all but the newest [kept] (>= 1). */
    fun keep(kept: Int) {
        while (count > kept) forgetOldest()
        if (count > 0) value = sorted[(count - 1) / 2]
    }

    private fun forgetOldest() {
        val gone = recent[oldest]
        oldest = (oldest + 1) % size
        var place = 0
        while (sorted[place] != gone) place += 1
        for (i in place until count - 1) sorted[i] = sorted[i + 1]
        count -= 1
    }
}
