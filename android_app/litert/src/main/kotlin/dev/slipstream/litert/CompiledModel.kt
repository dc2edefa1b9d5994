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
    graph: Graph,
    threads: Int,
    weightCache: File?,
    private val timer: CallTimer?,
) : AutoCloseable {
    private val closing = Closing()
    private val compiled: Long
    val signatures: Map<String, Signature>

    init {
        val built = closingOnError(closing) { compile(environment, graph, threads, weightCache) }
        compiled = built.first
        signatures = built.second
    }

    private fun compile(
        environment: Long,
        graph: Graph,
        threads: Int,
        weightCache: File?,
    ): Pair<Long, Map<String, Signature>> {
        val options = library.create("LiteRtCreateOptions") { LiteRtApi.LiteRtCreateOptions(it) }
        closing.defer { LiteRtApi.LiteRtDestroyOptions(options) }
        val status = LiteRtApi.LiteRtSetOptionsHardwareAccelerators(options, CPU)
        library.check("LiteRtSetOptionsHardwareAccelerators", status)
        // LiteRT 2.3.0's reader of TOML knows no escapes: a name stands as it is, and one of several lines can't.
        val name = weightCache?.path?.takeIf { path -> path.none(Char::isISOControl) }
        val cache = name?.let { "weight_cache_file_path = \"$it\"\n" }.orEmpty()
        library.addOptions(options, "xnnpack", "num_threads = $threads\n$cache")
        library.addOptions(options, "runtime_options_string", ONE_ZERO_POINT)
        val model = graph.open(library, environment)
        closing.defer { LiteRtApi.LiteRtDestroyModel(model) }
        val signatures = signatures(library, model)
        checkGraph(graph.section, graph.declared, signatures.mapValues { it.value.declared() }, graph.path)
        val compiled =
            library.create("LiteRtCreateCompiledModel") {
                LiteRtApi.LiteRtCreateCompiledModel(environment, model, options, it)
            }
        closing.defer { LiteRtApi.LiteRtDestroyCompiledModel(compiled) }
        return compiled to signatures.mapValues { it.value.withSizes(library, compiled) }
    }

    /** Memory for [tensor], freed with the model; null [shared] is fresh memory. */
    fun buffer(
        tensor: Tensor,
        shared: ZeroedMemory? = null,
    ): TensorBuffer = closing.add(TensorBuffer(library, tensor, shared))

    /**
     * Memory for each of [names] that signatures take or give, as much as the largest of them needs: for tensors that
     * nobody looks at any more when another signature runs.
     */
    fun memory(names: Set<String>): Map<String, ZeroedMemory> {
        val tensors = signatures.values.flatMap { it.inputs.entries + it.outputs.entries }.filter { it.key in names }
        return tensors.groupBy({ it.key }, { it.value.size }).mapValues { closing.add(ZeroedMemory(it.value.max())) }
    }

    fun signature(name: String): Signature =
        signatures[name] ?: throw libraryError(
            "The model has no signature $name",
            name,
            signatures.keys.joinToString(),
            "the bundle's graph",
        )

    /**
     * The signature with its buffers: those of [shared] by tensor name (also an output where it is an input: the graph
     * then updates in place), new ones in [memory] by that name, fresh ones for the rest.
     */
    fun bind(
        name: String,
        shared: Map<String, TensorBuffer> = emptyMap(),
        memory: Map<String, ZeroedMemory> = emptyMap(),
    ): BoundCall {
        val signature = signature(name)
        val inputs = signature.inputs.mapValues { (key, tensor) -> shared[key] ?: buffer(tensor, memory[key]) }
        val outputs = signature.outputs.mapValues { (key, tensor) -> shared[key] ?: buffer(tensor, memory[key]) }
        return closing.add(BoundCall(library, compiled, signature, inputs, outputs, timer))
    }

    override fun close() {
        closing.close()
    }

    private companion object {
        /** kLiteRtHwAcceleratorCpu */
        const val CPU = 1

        /** Weights have a zero point a row, all of them 0: kept in each signature, they are 40 MB of Gemma 4 E2B. */
        const val ONE_ZERO_POINT = "compress_quantization_zero_points = true\n"
    }
}
