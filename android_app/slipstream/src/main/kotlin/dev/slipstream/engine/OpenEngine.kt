package dev.slipstream.engine

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
    return LiteRtEngine(BundleRuntime(bundle, threads ?: threads(), weights, known = cache?.let(::KnownDrafting)))
}

/** The big cores of most phones: more threads wait for the slowest one. */
private fun threads() = minOf(MOST_THREADS, Runtime.getRuntime().availableProcessors())

private const val MOST_THREADS = 4
