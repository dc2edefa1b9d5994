package dev.slipstream

import dev.slipstream.bundle.Manifest
import dev.slipstream.bundle.Source

/** What a bundle asks of a device, computed from its manifest alone; bytes. [Slipstream.need] reads it from a file. */
public data class BundleNeed(
    val targetId: String,
    val drafterId: String?,
    val recipe: String,
    val contextLength: Int,
    /** The file. Weights are packed once more for the processor: [packedBytes] beside it, in the cache's folder. */
    val fileBytes: Long,
    val packedBytes: Long,
    /** Resident in a full context: weights, keys and values, what graphs keep, and what the app itself takes. */
    val memoryBytes: Long,
    /** The checkpoints that it was made of, with the licences that they name; none in a bundle that does not say. */
    val sources: List<Source> = emptyList(),
) {
    public companion object {
        /** The same of a bundle of [fileBytes] bytes that is no file yet. */
        public fun of(
            manifest: Manifest,
            fileBytes: Long,
        ): BundleNeed {
            val packed = weightsBytes(manifest)
            return BundleNeed(
                manifest.target.id,
                manifest.drafter?.id,
                manifest.recipe.name,
                manifest.contextLength,
                fileBytes,
                packed,
                packed + workingBytes(manifest),
                manifest.sources,
            )
        }
    }
}
