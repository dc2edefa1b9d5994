package dev.slipstream.bundle

private val LAYER_TYPES = listOf("sliding_attention", "full_attention")
private val KEYS =
    listOf(
        "vocab_size",
        "hidden_size",
        "num_layers",
        "sliding_window",
        "layer_types",
        "kv_heads",
        "head_dims",
        "kv_layers",
        "drafter_kv_layers",
        "per_layer_size",
        "softcap",
    )

/**
 * Numbers of the target that a runtime needs.
 *
 * [layerTypes] has an entry per layer ("sliding_attention" or "full_attention"); [kvLayers] are the layers that own a
 * KV cache, ascending, and [kvHeads] and [headDims] have an entry for each of them. [drafterKvLayers] maps a layer type
 * to the layer whose cache the drafter reads. [perLayerSize] is 0 without per-layer embeddings. [softcap] is of logits.
 */
public data class Config(
    val vocabSize: Int,
    val hiddenSize: Int,
    val numLayers: Int,
    val slidingWindow: Int,
    val layerTypes: List<String>,
    val kvHeads: List<Int>,
    val headDims: List<Int>,
    val kvLayers: List<Int>,
    val drafterKvLayers: Map<String, Int>,
    val perLayerSize: Int,
    val softcap: Double?,
) {
    init {
        val types = "config.layer_types"
        val known = layerTypes.all { it in LAYER_TYPES }
        checkManifest(known, types, spell(SpelledTuple(LAYER_TYPES))) { SpelledTuple(layerTypes) }
        checkManifest(layerTypes.size == numLayers, types, "$numLayers entries") { layerTypes.size }
        for ((name, values) in listOf("kv_heads" to kvHeads, "head_dims" to headDims)) {
            val fits = values.size == kvLayers.size
            checkManifest(fits, "config.$name", "${kvLayers.size} entries") { values.size }
        }
        for ((kind, layer) in drafterKvLayers) {
            val key = "config.drafter_kv_layers.$kind"
            checkManifest(kind in LAYER_TYPES, key, "one of ${spell(SpelledTuple(LAYER_TYPES))}") { kind }
            checkManifest(layer in kvLayers, key, "a layer of config.kv_layers") { layer }
        }
        checkManifest(softcap == null || softcap > 0, "config.softcap", "a positive number or null") {
            Spelled(spellDouble(softcap ?: 0.0))
        }
    }

    internal companion object {
        fun read(
            value: Any?,
            key: String,
        ): Config {
            val fields = JsonFields(value, key, KEYS)
            return Config(
                vocabSize = fields.int("vocab_size", 1),
                hiddenSize = fields.int("hidden_size", 1),
                numLayers = fields.int("num_layers", 1),
                slidingWindow = fields.int("sliding_window", 1),
                layerTypes = fields.texts("layer_types"),
                kvHeads = fields.ints("kv_heads", 1),
                headDims = fields.ints("head_dims", 1),
                kvLayers = fields.ascendingInts("kv_layers", 0),
                drafterKvLayers =
                    fields.map("drafter_kv_layers") { layer, at ->
                        asLong(layer, at, at, Int.MIN_VALUE.toLong(), INT32_MAX.toLong()).toInt()
                    },
                perLayerSize = fields.int("per_layer_size", 0),
                softcap = fields.value("softcap")?.let { asDouble(it, fields.keyOf("softcap")) },
            )
        }
    }
}
