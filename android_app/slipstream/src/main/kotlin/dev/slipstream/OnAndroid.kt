package dev.slipstream

import android.content.Context
import android.util.Log
import dev.slipstream.litert.PackedWeights
import java.io.File

/**
 * Loads [bundle] on a phone: packed weights and what drafting learnt are kept in the app's cache. Parameters and errors
 * are otherwise those of the other overload; LiteRT is the library in the app's package.
 */
public suspend fun Slipstream.Companion.open(
    context: Context,
    bundle: File,
    threads: Int? = null,
): Slipstream = open(bundle, context.cacheDir, threads) { Log.w("slipstream", it) }

/**
 * Frees what was packed of bundles that no model has open now, for when one was deleted: it is as large as the bundle.
 * Returns the bytes that this frees.
 */
public fun Slipstream.Companion.freePackedWeights(context: Context): Long = PackedWeights(context.cacheDir).clean()
