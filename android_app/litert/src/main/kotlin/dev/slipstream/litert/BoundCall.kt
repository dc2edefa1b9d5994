package dev.slipstream.litert

import com.sun.jna.Memory
import com.sun.jna.Pointer

/** One signature ready to run: its buffers by name, bound once; [run] is one call into LiteRT and allocates nothing. */
internal class BoundCall(
    private val library: LiteRtLibrary,
    private val compiled: Long,
    val signature: Signature,
    val inputs: Map<String, TensorBuffer>,
    val outputs: Map<String, TensorBuffer>,
    private val timer: CallTimer?,
) : AutoCloseable {
    private val inputHandles = handles(inputs.values)
    private val outputHandles = handles(outputs.values)
    private val inputAddress = Pointer.nativeValue(inputHandles)
    private val outputAddress = Pointer.nativeValue(outputHandles)
    private val numInputs = inputs.size.toLong()
    private val numOutputs = outputs.size.toLong()

    fun run() {
        val begin = if (timer == null) 0 else System.nanoTime()
        val status =
            LiteRtApi.LiteRtRunCompiledModel(
                compiled,
                signature.index,
                numInputs,
                inputAddress,
                numOutputs,
                outputAddress,
            )
        if (timer != null) timer.nanoseconds += System.nanoTime() - begin
        if (status != 0) library.check("LiteRtRunCompiledModel", status)
    }

    override fun close() {
        inputHandles.close()
        outputHandles.close()
    }

    private fun handles(buffers: Collection<TensorBuffer>): Memory {
        val memory = Memory(maxOf(1, buffers.size) * Long.SIZE_BYTES.toLong())
        buffers.forEachIndexed { i, buffer -> memory.setLong(i * Long.SIZE_BYTES.toLong(), buffer.handle) }
        return memory
    }
}
