package dev.slipstream.litert

import com.sun.jna.Memory

/**
 * One input or output of a signature. [type] is LiteRT's 72-byte LiteRtRankedTensorType: element type i32, then a
 * layout of rank (7 bits), a flag for strides (1 bit), dimensions i32\[8], strides u32\[8]. [size] is the number of
 * bytes that its buffer needs.
 */
internal class Tensor(
    val type: Memory,
    val size: Long,
) {
    val element: Int get() = type.getInt(0)
    val shape: List<Int> get() = List(type.getInt(4) and 0x7f) { type.getInt(8L + 4L * it) }

    companion object {
        const val TYPE_SIZE = 72L
        const val FLOAT32 = 1
        const val INT32 = 2
    }
}
