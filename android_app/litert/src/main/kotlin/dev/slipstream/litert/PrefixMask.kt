package dev.slipstream.litert

import java.nio.FloatBuffer

/** A mask float32\[capacity] that shows slots below a length. */
internal class PrefixMask(
    private val mask: FloatBuffer,
    capacity: Int,
) {
    private var length = 0

    init {
        for (slot in 0 until capacity) mask.put(slot, HIDDEN)
    }

    fun show(length: Int) {
        for (slot in this.length until length) mask.put(slot, 0f)
        for (slot in length until this.length) mask.put(slot, HIDDEN)
        this.length = length
    }
}
