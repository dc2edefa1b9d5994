package dev.slipstream.litert

import com.sun.jna.Memory
import com.sun.jna.Pointer
import java.io.File

/**
 * A model opened in place from mapped bytes, compiled for the CPU.
 *
 * [weightCache] is the file that XNNPACK keeps its packed weights in: without it they are packed once a signature.
 * Closing frees its buffers too; the mapping belongs to the caller and must outlive it.
 */
internal class CompiledModel(
    private val library: LiteRtLibrary,
    environment: Long,
    range: MappedRange,
    threads: Int,
    weightCache: File?,
    private val timer: CallTimer?,
) : AutoCloseable {
    private val closing = Closing()
    private val compiled: Long
    val signatures: Map<String, Signature>

    init {
        val built = closingOnError(closing) { compile(environment, range, threads, weightCache) }
        compiled = built.first
        signatures = built.second
    }

    private fun compile(
        environment: Long,
        range: MappedRange,
        threads: Int,
        weightCache: File?,
    ): Pair<Long, Map<String, Signature>> {
        val options = library.create("LiteRtCreateOptions") { LiteRtApi.LiteRtCreateOptions(it) }
        closing.defer { LiteRtApi.LiteRtDestroyOptions(options) }
        val status = LiteRtApi.LiteRtSetOptionsHardwareAccelerators(options, CPU)
        library.check("LiteRtSetOptionsHardwareAccelerators", status)
        val cache = weightCache?.let { "weight_cache_file_path = \"${it.path}\"\n" }.orEmpty()
        library.addOptions(options, "xnnpack", "num_threads = $threads\n$cache")
        val model =
            library.create("LiteRtCreateModelFromBuffer") {
                LiteRtApi.LiteRtCreateModelFromBuffer(environment, range.address, range.size, it)
            }
        closing.defer { LiteRtApi.LiteRtDestroyModel(model) }
        val compiled =
            library.create("LiteRtCreateCompiledModel") {
                LiteRtApi.LiteRtCreateCompiledModel(environment, model, options, it)
            }
        closing.defer { LiteRtApi.LiteRtDestroyCompiledModel(compiled) }
        val count =
            library.create("LiteRtGetNumModelSignatures") { LiteRtApi.LiteRtGetNumModelSignatures(model, it) }
        return compiled to (0 until count).associate { signature(model, compiled, it) }
    }

    private fun signature(
        model: Long,
        compiled: Long,
        index: Long,
    ): Pair<String, Signature> {
        val handle =
            library.create("LiteRtGetModelSignature") { LiteRtApi.LiteRtGetModelSignature(model, index, it) }
        val key = library.text("LiteRtGetSignatureKey") { LiteRtApi.LiteRtGetSignatureKey(handle, it) }
        val inputs = tensors(SignatureSide.INPUT, handle, compiled, index)
        val outputs = tensors(SignatureSide.OUTPUT, handle, compiled, index)
        return key to Signature(index, inputs, outputs)
    }

    private fun tensors(
        side: SignatureSide,
        signature: Long,
        compiled: Long,
        index: Long,
    ): Map<String, Tensor> {
        val count = library.create("LiteRtGetNumSignature${side.label}s") { side.count(signature, it) }
        return (0 until count).associate { at ->
            val name = library.text("LiteRtGetSignature${side.label}Name") { side.nameOf(signature, at, it) }
            val tensor =
                library.create("LiteRtGetSignature${side.label}TensorByIndex") { side.tensor(signature, at, it) }
            val needs =
                library.create("LiteRtGetCompiledModel${side.label}BufferRequirements") {
                    side.requirements(compiled, index, at, it)
                }
            name to tensor(tensor, needs)
        }
    }

    private fun tensor(
        handle: Long,
        requirements: Long,
    ): Tensor {
        val type = closing.add(Memory(Tensor.TYPE_SIZE))
        val status = LiteRtApi.LiteRtGetRankedTensorType(handle, Pointer.nativeValue(type))
        library.check("LiteRtGetRankedTensorType", status)
        val size =
            library.create("LiteRtGetTensorBufferRequirementsBufferSize") {
                LiteRtApi.LiteRtGetTensorBufferRequirementsBufferSize(requirements, it)
            }
        return Tensor(type, size)
    }

    /** Memory for [tensor], freed with the model. */
    fun buffer(tensor: Tensor): TensorBuffer = closing.add(TensorBuffer(library, tensor))

    fun signature(name: String): Signature =
        signatures[name] ?: throw libraryError(
            "The model has no signature $name",
            name,
            signatures.keys.joinToString(),
            "the bundle's graph",
        )

    /**
     * The signature with its buffers: those of [shared] by tensor name (also an output where it is an input: the graph
     * then updates in place), fresh ones for the rest.
     */
    fun bind(
        name: String,
        shared: Map<String, TensorBuffer> = emptyMap(),
    ): BoundCall {
        val signature = signature(name)
        val inputs = signature.inputs.mapValues { (key, tensor) -> shared[key] ?: buffer(tensor) }
        val outputs = signature.outputs.mapValues { (key, tensor) -> shared[key] ?: buffer(tensor) }
        return closing.add(BoundCall(library, compiled, signature, inputs, outputs, timer))
    }

    override fun close() {
        closing.close()
    }

    private companion object {
        /** kLiteRtHwAcceleratorCpu */
        const val CPU = 1
    }
}
