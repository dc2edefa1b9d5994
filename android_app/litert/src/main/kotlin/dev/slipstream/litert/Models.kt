package dev.slipstream.litert

import com.sun.jna.Pointer
import dev.slipstream.bundle.Bundle
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.MarginTarget
import dev.slipstream.draft.GoesOn
import dev.slipstream.sampling.Sampler
import java.io.File

/**
 * The compiled models of a bundle and the ports over them. [weights] gives the file of a section's packed weights, made
 * from exactly these bytes, or null: they are packed in memory then. [threads] is for each call of target and drafter.
 *
 * BundleException where the graphs are not what the manifest says. Everything is opened from the mapped file, without a
 * second copy of the weights. Closing frees all of it: the ports must not be used any more.
 */
public class Models(
    bundle: Bundle,
    threads: Int,
    weights: (String) -> File?,
    private val library: LiteRtLibrary = LiteRtLibrary.load(),
    private val timer: CallTimer? = null,
) : AutoCloseable {
    private val closing = Closing()

    private val opened = closingOnError(closing) { open(bundle, threads, weights) }

    /** What chooses the tokens of [target] and [drafter]: greedily. */
    private val greedy = Sampler()
    public val target: MarginTarget = target(greedy)

    /** The same for traces to be recorded or replayed with: each choice of a graph's is held against its logits. */
    public val comparingTarget: MarginTarget =
        LiteRtTarget(opened.scoring, opened.prefills, opened.rows, opened.capacity, Sampler(), compares = true)

    /** Null where the bundle has none: decoding is plain then. */
    public val drafter: Drafter? = drafter(greedy)

    /** The target of a session whose tokens [sampler] chooses. All sessions share the caches. */
    public fun target(sampler: Sampler): MarginTarget =
        LiteRtTarget(opened.scoring, opened.prefills, opened.rows, opened.capacity, sampler)

    /** The drafter of the same session, or null; [goesOn] may end its drafts early. */
    public fun drafter(
        sampler: Sampler,
        goesOn: GoesOn? = null,
    ): Drafter? = opened.draftStep?.let { LiteRtDrafter(it, opened.drafts, sampler, goesOn) }

    private class Opened(
        val scoring: List<Pass>,
        val prefills: List<Pass>,
        val rows: Embeddings,
        val draftStep: DraftStep?,
        val drafts: List<Drafts>,
        val capacity: Int,
    )

    private fun open(
        bundle: Bundle,
        threads: Int,
        weights: (String) -> File?,
    ): Opened {
        checkContract(bundle.manifest, bundle.path.path)
        val environment = environment()
        val ranges = modelSections(bundle).associateWith { closing.add(mapped(bundle, it)) }
        val models =
            ranges.mapValues { (name, range) ->
                val graph = Graph(name, range, bundle.manifest.signatures[name].orEmpty(), bundle.path.path)
                // An embedder copies a row: more threads than one would idle.
                val own = if (name == EMBEDDER || name == PER_LAYER_EMBEDDER) 1 else threads
                closing.add(CompiledModel(library, environment, graph, own, weights(name), timer))
            }
        ranges.values.forEach(MappedRange::release)
        val main = models.getValue(MAIN)
        val caches = caches(main)
        val embedders = listOf(EMBEDDER, PER_LAYER_EMBEDDER).map { models[it]?.let(::onlyCall) }
        val tables = listOfNotNull(ranges[EMBEDDER], ranges[PER_LAYER_EMBEDDER])
        val rows = Embeddings(embedders[0]!!, embedders[1], bundle.manifest.config.vocabSize, tables)
        val draftCalls = models[DRAFTER]?.let { draftCalls(it, caches) }.orEmpty()
        val draftStep = draftCalls[DRAFT]?.let { DraftStep(it, rows) }
        val drafts = (draftCalls - DRAFT).values.map { Drafts(it, rows) }.sortedBy { it.count }
        val (prefills, scoring) = passes(main, caches)
        val capacity =
            main
                .signature("decode")
                .inputs
                .getValue("mask")
                .shape
                .last()
        return Opened(scoring, prefills, rows, draftStep, drafts, capacity)
    }

    private fun mapped(
        bundle: Bundle,
        name: String,
    ): MappedRange {
        val section = bundle.section(name)
        val range = MappedRange(bundle.path, section.begin, section.size)
        if (name == EMBEDDER || name == PER_LAYER_EMBEDDER) range.readRows()
        return range
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
    private fun passes(
        main: CompiledModel,
        caches: Map<String, TensorBuffer>,
    ): List<List<Pass>> {
        val memory = main.memory(PASSING)
        return main.signatures.keys
            .partition { it.startsWith("prefill") }
            .toList()
            .map { names -> names.map { Pass(main.bind(it, caches, memory), it) } }
    }

    /** All signatures of a drafter, by name, over one position and one mask. */
    private fun draftCalls(
        model: CompiledModel,
        caches: Map<String, TensorBuffer>,
    ): Map<String, BoundCall> {
        val tensors = model.signature(DRAFT).inputs
        val shared = caches + listOf("input_pos", "mask").associateWith { model.buffer(tensors.getValue(it)) }
        return model.signatures.keys.associateWith { model.bind(it, shared) }
    }

    private fun onlyCall(model: CompiledModel): BoundCall = model.bind(model.signatures.keys.single())

    override fun close() {
        closing.close()
    }

    private companion object {
        /** kLiteRtEnvOptionTagMinLoggerSeverity and kLiteRtLogSeverityError. */
        const val MIN_LOGGER_SEVERITY = 25
        const val SEVERITY_ERROR = 3L

        /** Written before a pass or read right after it. Not masks, which change by what is new. */
        val PASSING = setOf("embeddings", "per_layer_embeddings", "logits")
    }
}
