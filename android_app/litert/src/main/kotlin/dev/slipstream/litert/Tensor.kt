package dev.slipstream.litert

import com.sun.jna.Memory
import com.sun.jna.Pointer
import dev.slipstream.bundle.TensorSpec

/**
 * One input or output of a signature. [type] is LiteRT's 72-byte LiteRtRankedTensorType: element type i32, then a
 * layout of rank (7 bits), a flag for strides (1 bit), dimensions i32\[8], strides u32\[8]. [size] is the number of
 * bytes that its buffer needs, 0 before the model is compiled.
 */
internal class Tensor(
    val type: Memory,
    val size: Long,
) {
    val element: Int get() = type.getInt(0)
    val shape: List<Int> get() = List(minOf(type.getInt(4) and 0x7f, MAX_RANK)) { type.getInt(8L + 4L * it) }

    /** As a manifest writes it; what no port takes has a name that no manifest has reason to give. */
    fun spec(): TensorSpec =
        TensorSpec(
            if (element == FLOAT32) {
                "float32"
            } else if (element == INT32) {
                "int32"
            } else {
                "other"
            },
            shape,
        )

    companion object {
        private const val TYPE_SIZE = 72L
        private const val MAX_RANK = 8
        const val FLOAT32 = 1
        const val INT32 = 2

        /** The tensor behind a handle. */
        fun of(
            library: LiteRtLibrary,
            handle: Long,
        ): Tensor {
            val type = Memory(TYPE_SIZE)
            library.check(
                "LiteRtGetRankedTensorType",
                LiteRtApi.LiteRtGetRankedTensorType(handle, Pointer.nativeValue(type)),
            )
            return Tensor(type, 0)
        }
    }
}
