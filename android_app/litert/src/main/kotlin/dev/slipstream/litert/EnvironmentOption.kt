package dev.slipstream.litert

import com.sun.jna.Memory

/** A LiteRtEnvOption of 24 bytes: the tag i32, then a LiteRtAny of its kind i32 (2: an integer) and the value i64. */
internal fun environmentOption(
    tag: Int,
    value: Long,
): Memory =
    Memory(24).also {
        it.clear()
        it.setInt(0, tag)
        it.setInt(8, 2)
        it.setLong(16, value)
    }
