package dev.slipstream

import dev.slipstream.bundle.Manifest
import dev.slipstream.bundle.Signature
import dev.slipstream.bundle.TensorSpec

/** What a bundle asks of a device, computed from its manifest alone; bytes. [Slipstream.need] reads it from a file. */
public data class BundleNeed(
    val targetId: String,
    val drafterId: String?,
    val recipe: String,
    val contextLength: Int,
    /** The file. Weights are packed once more for the processor: [packedBytes] beside it, in the cache's folder. */
    val fileBytes: Long,
    val packedBytes: Long,
    /** Packed weights, cache, inputs and outputs, and what the app itself takes. */
    val memoryBytes: Long,
) {
    public companion object {
        private const val CACHE_PREFIX = "kv_cache_"
        private const val APP_BYTES = 96L * 1024 * 1024
        private val WEIGHTS = setOf("main", "drafter")
        private val BYTES = mapOf("float16" to 2, "bfloat16" to 2, "int8" to 1, "uint8" to 1, "bool" to 1, "int64" to 8)

        /** The same of a bundle of [fileBytes] bytes that is no file yet. */
        public fun of(
            manifest: Manifest,
            fileBytes: Long,
        ): BundleNeed {
            val packed = manifest.sections.filter { it.name in WEIGHTS }.sumOf { it.end - it.begin }
            val main = manifest.signatures.getValue("main")
            val cache = main.getValue("decode").inputs.filterKeys { it.startsWith(CACHE_PREFIX) }
            // Each call of a graph has inputs and outputs of its own.
            val buffers = manifest.signatures.values.sumOf { calls -> calls.values.sumOf(::bytesOfBuffers) }
            return BundleNeed(
                manifest.target.id,
                manifest.drafter?.id,
                manifest.recipe.name,
                manifest.contextLength,
                fileBytes,
                packed,
                packed + cache.values.sumOf(::bytes) + buffers + APP_BYTES,
            )
        }

        private fun bytesOfBuffers(signature: Signature): Long =
            (signature.inputs.entries.toList() + signature.outputs.entries)
                .filterNot { it.key.startsWith(CACHE_PREFIX) }
                .sumOf { bytes(it.value) }

        private fun bytes(tensor: TensorSpec): Long =
            tensor.shape.fold((BYTES[tensor.dtype] ?: Int.SIZE_BYTES).toLong()) { size, dimension -> size * dimension }
    }
}
