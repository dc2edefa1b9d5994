package dev.slipstream.litert

import dev.slipstream.bundle.Bundle
import dev.slipstream.bundle.Manifest
import dev.slipstream.bundle.TensorSpec
import dev.slipstream.errors.BundleException
import dev.slipstream.bundle.Signature as Declared

// What the ports take for granted. Digests prove only that a bundle is as its maker left it: a bundle of somebody else
// can have any graphs under them. So the manifest's signatures are held against its own numbers here, before anything is
// compiled, and each graph's signatures against the manifest's as the graph is opened ([checkGraph]).

internal const val CACHE_PREFIX = "kv_cache_"
internal const val MAIN = "main"
internal const val EMBEDDER = "embedder"
internal const val PER_LAYER_EMBEDDER = "per_layer_embedder"
internal const val DRAFTER = "drafter"

/** The drafter's signature that drafts one token; what those begin with that draft several; how many logits they tell. */
internal const val DRAFT = "mtp_drafter"
private const val DRAFTS = "draft_"
private const val LARGEST_LOGITS = 8

/** What a graph says of its own logits: the greedy choices, and so many of the largest logits of each row. */
internal const val TARGET_TOKENS = "target_tokens"
internal const val TOP_LOGITS = "largest_logits"
private const val NUM_TOP_LOGITS = 2

/** The sections that [bundle]'s manifest asks for, in the order of opening. BundleException where one is missing. */
internal fun modelSections(bundle: Bundle): List<String> {
    val manifest = bundle.manifest
    return listOfNotNull(
        MAIN,
        EMBEDDER,
        PER_LAYER_EMBEDDER.takeIf { manifest.config.perLayerSize > 0 },
        DRAFTER.takeIf { manifest.drafter != null },
    ).onEach(bundle::section)
}

/** BundleException unless the manifest's signatures have the tensors that its other numbers ask for. */
internal fun checkContract(
    manifest: Manifest,
    path: String,
) {
    Contract(manifest, path).check()
}

/** BundleException unless the graph of [section] has exactly the signatures [declared] in the manifest. */
internal fun checkGraph(
    section: String,
    declared: Map<String, Declared>,
    found: Map<String, Declared>,
    path: String,
) {
    if (found == declared) return
    val name = (declared.keys + found.keys).first { declared[it] != found[it] }
    val (wanted, actual) = declared[name] to found[name]
    val where = "$path, section $section, signature ${name.take(SHOWN)}"
    if (wanted == null || actual == null) {
        throw contractError("signatures ${declared.keys}".take(LONGEST), "${found.keys}".take(LONGEST), where)
    }
    val (expected, other) = tensors(wanted) to tensors(actual)
    val tensor = (expected.keys + other.keys).first { expected[it] != other[it] }
    throw contractError(
        "$tensor ${shown(expected[tensor])}, as the manifest says",
        shown(other[tensor]),
        where,
    )
}

private class Contract(
    private val manifest: Manifest,
    private val path: String,
) {
    private val config = manifest.config
    private val capacity = manifest.contextLength
    private val main = manifest.signatures[MAIN].orEmpty()
    private val caches =
        main
            .getValue("decode")
            .inputs
            .filterKeys { it.startsWith(CACHE_PREFIX) }

    fun check() {
        val widths = manifest.prefillLengths.associateBy { "prefill_$it" } + scoring()
        names(MAIN, widths.keys)
        for ((name, width) in widths) pass(name, width, scores = !name.startsWith("prefill_"))
        embedder(EMBEDDER, config.hiddenSize)
        if (config.perLayerSize > 0) embedder(PER_LAYER_EMBEDDER, config.numLayers * config.perLayerSize.toLong())
        if (manifest.drafter != null) drafter()
    }

    /** Bundles of before have graphs that choose nothing: all that score, or none. */
    private val chooses = main.values.any { TARGET_TOKENS in it.outputs || TOP_LOGITS in it.outputs }

    private fun scoring() = (listOf(1) + manifest.verifyWidths).associateBy(manifest::verifySignature)

    private fun pass(
        name: String,
        width: Int,
        scores: Boolean,
    ) {
        val signature = main.getValue(name)
        val rows = width.toLong()
        val inputs = mutableMapOf("input_pos" to INT * rows, "mask" to FLOAT * rows * capacity)
        inputs["embeddings"] = FLOAT * rows * config.hiddenSize
        if (config.perLayerSize > 0) {
            inputs["per_layer_embeddings"] = FLOAT * rows * config.numLayers * config.perLayerSize
        }
        val outputs = HashMap<String, Size>()
        if (scores) {
            outputs["logits"] = FLOAT * rows * config.vocabSize
            outputs["activations"] = FLOAT * rows * config.hiddenSize
        }
        if (scores && chooses) {
            outputs[TARGET_TOKENS] = INT * rows
            outputs[TOP_LOGITS] = FLOAT * rows * NUM_TOP_LOGITS
        }
        val where = "$MAIN.$name"
        sizes("$where.inputs", inputs, signature.inputs)
        sizes("$where.outputs", outputs, signature.outputs)
        cacheTensors("$where.inputs", caches, signature.inputs)
        cacheTensors("$where.outputs", caches, signature.outputs)
    }

    private fun embedder(
        section: String,
        size: Number,
    ) {
        val signature = manifest.signatures[section].orEmpty()
        if (signature.size != 1) throw wrong(section, "one signature", "${signature.size}")
        val (name, only) = signature.entries.single()
        sizes(
            "$section.$name.inputs",
            only.inputs.keys
                .take(1)
                .associateWith { INT },
            only.inputs,
        )
        val outputs =
            only.outputs.keys
                .take(1)
                .associateWith { FLOAT * size.toLong() }
        sizes("$section.$name.outputs", outputs, only.outputs)
        if (only.inputs.isEmpty() || only.outputs.isEmpty()) throw wrong(section, "an input and an output", "none")
    }

    private fun drafter() {
        val stated = manifest.signatures.getValue(DRAFTER)
        // Bundles of before draft step by step alone.
        val counts =
            if (stated.keys.none {
                    it.startsWith(
                        DRAFTS,
                    )
                }
            ) {
                emptyList()
            } else {
                manifest.verifyWidths.map { it - 1 }
            }
        names(DRAFTER, setOf(DRAFT) + counts.map { "$DRAFTS$it" })
        val common = mapOf("input_pos" to INT, "mask" to FLOAT * capacity)
        drafter(
            DRAFT,
            common + ("activations" to FLOAT * 2 * config.hiddenSize),
            mapOf("logits" to FLOAT * config.vocabSize, "projected_activations" to FLOAT * config.hiddenSize),
        )
        for (count in counts) {
            drafter(
                "$DRAFTS$count",
                common + mapOf("token_ids" to INT, "activations" to FLOAT * config.hiddenSize),
                mapOf("draft_tokens" to INT * count, "largest_logits" to FLOAT * count * LARGEST_LOGITS),
            )
        }
    }

    /** A signature of the drafter's; all read the caches that the first does. */
    private fun drafter(
        name: String,
        inputs: Map<String, Size>,
        outputs: Map<String, Size>,
    ) {
        val stated = manifest.signatures.getValue(DRAFTER)
        val (signature, first) = stated.getValue(name) to stated.getValue(DRAFT)
        sizes("$DRAFTER.$name.inputs", inputs, signature.inputs)
        sizes("$DRAFTER.$name.outputs", outputs, signature.outputs)
        val read = first.inputs.keys.filter { it.startsWith(CACHE_PREFIX) }
        cacheTensors("$DRAFTER.$name.inputs", caches.filterKeys { it in read }, signature.inputs)
    }

    private fun names(
        section: String,
        expected: Set<String>,
    ) {
        val found = manifest.signatures[section].orEmpty().keys
        if (found != expected) throw wrong(section, "signatures $expected", "$found")
    }

    /** The tensors that are no caches: exactly these, of these types and sizes. */
    private fun sizes(
        where: String,
        expected: Map<String, Size>,
        tensors: Map<String, TensorSpec>,
    ) {
        val found = tensors.filterKeys { !it.startsWith(CACHE_PREFIX) }.mapValues { Size.of(it.value) }
        if (found != expected) throw wrong(where, "$expected", "$found")
        val largest = tensors.maxByOrNull { Size.of(it.value).count } ?: return
        if (Size.of(largest.value).count > MAX_ELEMENTS) {
            throw wrong("$where.${largest.key}", "at most $MAX_ELEMENTS elements", "${largest.value.shape}")
        }
    }

    /** The tensors that are caches: exactly [expected], so that all signatures can share their memory. */
    private fun cacheTensors(
        where: String,
        expected: Map<String, TensorSpec>,
        tensors: Map<String, TensorSpec>,
    ) {
        val found = tensors.filterKeys { it.startsWith(CACHE_PREFIX) }
        if (found != expected) throw wrong(where, "the caches ${expected.keys} of $MAIN.decode", "$found")
        val other = expected.entries.firstOrNull { it.value.dtype != FLOAT.dtype || capacity !in it.value.shape }
        if (other != null) throw wrong("$where.${other.key}", "float32 of $capacity slots", shown(other.value))
    }

    private fun wrong(
        key: String,
        expected: String,
        found: String,
    ) = contractError(expected.take(LONGEST), found.take(LONGEST), "$path, manifest key signatures.${key.take(SHOWN)}")
}

/** A type and a number of elements: how they are cut into dimensions is the graph's affair. */
private data class Size(
    val dtype: String,
    val count: Long,
) {
    operator fun times(factor: Number) = copy(count = saturated(count, factor.toLong()))

    override fun toString() = "$dtype[$count]"

    companion object {
        fun of(tensor: TensorSpec) =
            Size(tensor.dtype, tensor.shape.fold(1L) { count, dimension -> saturated(count, dimension.toLong()) })

        private fun saturated(
            left: Long,
            right: Long,
        ) = if (right != 0L && left > Long.MAX_VALUE / right) Long.MAX_VALUE else left * right
    }
}

private val FLOAT = Size("float32", 1)
private val INT = Size("int32", 1)

/** A Java buffer ends at 2 GiB, and no exported tensor comes near. */
private const val MAX_ELEMENTS = (Int.MAX_VALUE / 4).toLong()
private const val SHOWN = 60
private const val LONGEST = 240

private fun tensors(signature: Declared): Map<String, TensorSpec> =
    signature.inputs.mapKeys { "input ${it.key}" } + signature.outputs.mapKeys { "output ${it.key}" }

private fun shown(tensor: TensorSpec?): String = if (tensor == null) "none" else "${tensor.dtype}${tensor.shape}"

private fun contractError(
    expected: String,
    found: String,
    where: String,
) = BundleException(
    "Bundle's graphs are not what its manifest says",
    expected,
    found,
    where,
    action = "Export the bundle again.",
)
