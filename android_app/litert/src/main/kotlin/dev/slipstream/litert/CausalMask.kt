package dev.slipstream.litert

import java.nio.FloatBuffer

/** What LiteRT-LM's masks are to our graphs: any large negative number hides a slot. */
internal const val HIDDEN = -1e4f

/** A mask float32\[rows, capacity], kept up to date instead of rebuilt: row i shows slots 0..position + i. */
internal class CausalMask(
    private val mask: FloatBuffer,
    private val rows: Int,
    private val capacity: Int,
) {
    private var position = 0

    init {
        for (i in 0 until rows * capacity) mask.put(i, HIDDEN)
        moveTo(0)
    }

    /** Costs the slots between the last position and this one, not the whole mask. */
    fun moveTo(position: Int) {
        val old = this.position
        val end = minOf(position + rows, capacity)
        for (row in 0 until rows) {
            val begin = row * capacity
            for (slot in old until position) mask.put(begin + slot, 0f)
            for (slot in position until end) mask.put(begin + slot, if (slot <= position + row) 0f else HIDDEN)
            for (slot in end until minOf(old + rows, capacity)) mask.put(begin + slot, HIDDEN)
        }
        this.position = position
    }
}
