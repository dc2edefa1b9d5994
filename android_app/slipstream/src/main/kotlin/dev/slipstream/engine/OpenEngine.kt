package dev.slipstream.engine

import dev.slipstream.bundle.Bundle
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.KnownDrafting
import dev.slipstream.litert.PackedWeights
import java.io.File

/**
 * LiteRT with [bundle], by itself: for a wrapper that `Slipstream.over` takes. Blocks while it loads, and is for one
 * thread; parameters and errors are those of `Slipstream.open`.
 */
public fun openEngine(
    bundle: File,
    cache: File?,
    threads: Int? = null,
    warn: (String) -> Unit = { System.err.println(it) },
): Engine {
    // Packed weights are as large as the bundle: those of the one that is opened stay, and no others.
    val weights = cache?.let { PackedWeights(it, limit = 0, warn = warn) }
    val known = cache?.let(::KnownDrafting)
    return LiteRtEngine(BundleRuntime(bundle, threads ?: threads(bundle), weights, known = known))
}

/** As many as the device has large cores, by what the export was told of it: more threads wait for the slowest one. */
private fun threads(bundle: File): Int =
    threads(Bundle.open(bundle).use { it.manifest.threads }, Runtime.getRuntime().availableProcessors())

internal fun threads(
    declared: Int?,
    processors: Int,
): Int = minOf(declared ?: LARGE_CORES, processors)

/** Of most phones, for a bundle that doesn't say. */
private const val LARGE_CORES = 4
