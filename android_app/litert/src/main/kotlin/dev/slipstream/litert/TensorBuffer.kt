package dev.slipstream.litert

import com.sun.jna.Memory
import com.sun.jna.Pointer
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.nio.IntBuffer

/** Host memory that is a LiteRT tensor buffer and a Java buffer at once. Java buffers must not outlive it. */
internal class TensorBuffer(
    library: LiteRtLibrary,
    private val tensor: Tensor,
) : AutoCloseable {
    private val memory = allocate(tensor.size + ALIGNMENT)
    private val bytes: ByteBuffer
    var handle: Long
        private set

    init {
        memory.clear()
        val aligned = memory.align(ALIGNMENT)
        bytes = aligned.getByteBuffer(0, tensor.size).order(ByteOrder.nativeOrder())
        try {
            handle =
                library.create("LiteRtCreateTensorBufferFromHostMemory") {
                    val type = Pointer.nativeValue(tensor.type)
                    val address = Pointer.nativeValue(aligned)
                    LiteRtApi.LiteRtCreateTensorBufferFromHostMemory(type, address, tensor.size, 0, it)
                }
        } catch (error: Throwable) {
            memory.close()
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
        memory.close()
    }

    private companion object {
        fun allocate(size: Long): Memory =
            try {
                Memory(size)
            } catch (_: OutOfMemoryError) {
                throw libraryError(
                    "There is no memory for a tensor",
                    "$size bytes",
                    "less",
                    "this process",
                    Remedy.MEMORY,
                )
            }

        /** LiteRT takes host memory at such addresses only. */
        const val ALIGNMENT = 64
    }
}
