package dev.slipstream.litert

import com.sun.jna.Pointer
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.nio.IntBuffer

/**
 * Host memory that is a LiteRT tensor buffer and a Java buffer at once. [shared] is somebody else's, at least as large as
 * the tensor, and outlives this; null is memory of its own. Java buffers must not outlive it.
 */
internal class TensorBuffer(
    library: LiteRtLibrary,
    private val tensor: Tensor,
    shared: ZeroedMemory? = null,
) : AutoCloseable {
    private val own = if (shared == null) ZeroedMemory(tensor.size) else null
    private val bytes: ByteBuffer
    var handle: Long
        private set

    init {
        val memory = own ?: shared!!
        try {
            check(tensor.size <= memory.size) { "a tensor of ${tensor.size} bytes in ${memory.size}" }
            bytes = memory.bytes(tensor.size)
            handle =
                library.create("LiteRtCreateTensorBufferFromHostMemory") {
                    val type = Pointer.nativeValue(tensor.type)
                    LiteRtApi.LiteRtCreateTensorBufferFromHostMemory(type, memory.address, tensor.size, 0, it)
                }
        } catch (error: Throwable) {
            own?.close()
            throw error
        }
    }

    /** The tensor's elements, without what the buffer has behind them. */
    fun floats(): FloatBuffer = elements(Tensor.FLOAT32).asFloatBuffer()

    fun ints(): IntBuffer = elements(Tensor.INT32).asIntBuffer()

    private fun elements(element: Int): ByteBuffer {
        check(tensor.element == element) { "element type ${tensor.element}, not $element" }
        val whole = bytes.duplicate()
        whole.limit(4 * tensor.shape.fold(1, Int::times))
        return whole.slice().order(ByteOrder.nativeOrder())
    }

    override fun close() {
        if (handle == 0L) return
        LiteRtApi.LiteRtDestroyTensorBuffer(handle)
        handle = 0
        own?.close()
    }
}
