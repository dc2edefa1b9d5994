package dev.slipstream

import dev.slipstream.bundle.Manifest

private const val FLOAT_BYTES = 4L

/** Slots by which the part of a cache that full layers read grows; a shorter cache is read where it lies. */
private const val PREFIX_STEP = 128

/** Of one layer in one signature of the target: scales, operations, what lies between them. Measured on E2B. */
private const val GRAPH_LAYER_BYTES = 250_000L

/** Program, code, tokenizer, and what an app itself takes. */
private const val PROCESS_BYTES = 96L shl 20
private val WEIGHTS = setOf("main", "drafter")

/** Bytes that sections of target and drafter cover, those that they share once: as much as packed weights. */
internal fun weightsBytes(manifest: Manifest): Long {
    var covered = 0L
    var end = 0L
    for (section in manifest.sections.filter { it.name in WEIGHTS }.sortedBy { it.begin }) {
        covered += maxOf(0, section.end - maxOf(section.begin, end))
        end = maxOf(end, section.end)
    }
    return covered
}

/** Bytes of all else that decoding takes in a full context (BUNDLE.md, *Memory on the device*). */
internal fun workingBytes(manifest: Manifest): Long {
    val config = manifest.config
    val capacity = manifest.contextLength
    val slots = config.kvLayers.indices.map { 2 * FLOAT_BYTES * config.kvHeads[it] * config.headDims[it] }
    val full =
        config.kvLayers
            .zip(slots)
            .filter { (layer, _) -> config.layerTypes[layer] == FULL }
            .toMap()
    val scoring = listOf(1) + manifest.verifyWidths
    val widths = manifest.prefillLengths + scoring
    val drafting = manifest.signatures["drafter"]?.size ?: 0
    val drafted = config.drafterKvLayers[FULL]?.let { full[it] } ?: 0
    val copies = if (capacity > PREFIX_STEP) widths.size * full.values.sum() + drafting * drafted else 0
    val rows = widths.max() * (config.hiddenSize + config.numLayers.toLong() * config.perLayerSize)
    val logits = scoring.max() * config.vocabSize.toLong()
    return capacity * (slots.sum() + copies) +
        FLOAT_BYTES * (rows + logits + widths.sum().toLong() * capacity) +
        GRAPH_LAYER_BYTES * config.numLayers * widths.size +
        PROCESS_BYTES
}

private const val FULL = "full_attention"
