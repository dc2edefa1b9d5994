package dev.slipstream.litert

import com.sun.jna.Pointer
import dev.slipstream.bundle.Bundle
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.MarginTarget
import java.io.File

/**
 * The compiled models of a bundle and the ports over them. [weightCache] is the folder of packed weights, which belongs
 * to exactly this bundle; null leaves it off. [threads] is for each call into LiteRT.
 *
 * Everything is opened from the mapped file, without a second copy of the weights. Closing frees all of it: the ports
 * must not be used any more.
 */
public class Models(
    bundle: Bundle,
    threads: Int,
    weightCache: File?,
    private val library: LiteRtLibrary = LiteRtLibrary.load(),
    private val timer: CallTimer? = null,
) : AutoCloseable {
    private val closing = Closing()

    public val target: MarginTarget

    /** Null where the bundle has none: decoding is plain then. */
    public val drafter: Drafter?

    init {
        val ports = closingOnError(closing) { open(bundle, threads, weightCache) }
        target = ports.first
        drafter = ports.second
    }

    private fun open(
        bundle: Bundle,
        threads: Int,
        weightCache: File?,
    ): Pair<MarginTarget, Drafter?> {
        val environment = environment()
        val models =
            SECTIONS.filter(bundle::has).associateWith { name ->
                val section = bundle.section(name)
                val range = closing.add(MappedRange(bundle.path, section.begin, section.end - section.begin))
                val packed = weightCache?.resolve("$name.xnnpack")
                closing.add(CompiledModel(library, environment, range, threads, packed, timer))
            }
        val main = models.getValue("main")
        val caches = caches(main)
        val rows = Embeddings(onlyCall(models.getValue("embedder")), models["per_layer_embedder"]?.let(::onlyCall))
        val drafter = models["drafter"]?.let { LiteRtDrafter(it.bind("mtp_drafter", caches), rows) }
        return target(main, caches, rows) to drafter
    }

    /** The library's own notes go to the process's stderr: only its errors are wanted there. */
    private fun environment(): Long {
        val option = closing.add(environmentOption(MIN_LOGGER_SEVERITY, SEVERITY_ERROR))
        val environment =
            library.create("LiteRtCreateEnvironment") {
                LiteRtApi.LiteRtCreateEnvironment(1, Pointer.nativeValue(option), it)
            }
        closing.defer { LiteRtApi.LiteRtDestroyEnvironment(environment) }
        return environment
    }

    /** One buffer a cache tensor, for all signatures of the target and for the drafter. */
    private fun caches(main: CompiledModel): Map<String, TensorBuffer> =
        main
            .signature("decode")
            .inputs
            .filterKeys { it.startsWith(CACHE_PREFIX) }
            .mapValues { (_, tensor) -> main.buffer(tensor) }

    /** Signatures `decode`, `verify` and `verify_N` score; `prefill_N` only fill the cache. */
    private fun target(
        main: CompiledModel,
        caches: Map<String, TensorBuffer>,
        rows: Embeddings,
    ): LiteRtTarget {
        val (prefills, scoring) =
            main.signatures.keys
                .partition { it.startsWith("prefill") }
                .toList()
                .map { names -> names.map { Pass(main.bind(it, caches)) } }
        val capacity =
            main
                .signature("decode")
                .inputs
                .getValue("mask")
                .shape
                .last()
        return LiteRtTarget(scoring, prefills, rows, capacity)
    }

    private fun onlyCall(model: CompiledModel): BoundCall = model.bind(model.signatures.keys.single())

    override fun close() {
        closing.close()
    }

    private companion object {
        /** The cache file of an embedder stays empty: it has no matrix that XNNPACK packs. */
        val SECTIONS = listOf("main", "embedder", "per_layer_embedder", "drafter")
        const val CACHE_PREFIX = "kv_cache_"

        /** kLiteRtEnvOptionTagMinLoggerSeverity and kLiteRtLogSeverityError. */
        const val MIN_LOGGER_SEVERITY = 25
        const val SEVERITY_ERROR = 3L
    }
}
