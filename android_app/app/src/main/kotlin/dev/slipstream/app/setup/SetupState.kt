package dev.slipstream.app.setup

import dev.slipstream.BundleNeed
import dev.slipstream.app.Problem
import dev.slipstream.app.storage.ImportProgress
import dev.slipstream.app.storage.StoredBundle

/** How far the way from no bundle to a loaded one has come. [need] is known from the moment its manifest is read. */
internal data class SetupState(
    val phase: Phase = Phase.LOOKING,
    val need: BundleNeed? = null,
    val freeSpace: Long = 0,
    val freeMemory: Long = 0,
    val progress: ImportProgress? = null,
    /** Bytes that an interrupted import has left. */
    val unfinished: Long = 0,
    val problem: Problem? = null,
    /** What is on the phone, for when none is loaded. */
    val bundles: List<StoredBundle> = emptyList(),
) {
    /** An import will leave no room for the bundle's packed weights, without which it runs all the same. */
    val isSpaceShort: Boolean
        get() {
            val all = (need ?: return false).fileBytes + need.packedBytes
            return (phase == Phase.IMPORTING || phase == Phase.CHECKING) && all > freeSpace + unfinished
        }

    enum class Phase {
        LOOKING,

        /** There is none: how to get one in. */
        EMPTY,
        IMPORTING,
        CHECKING,

        /** It may not fit into memory: the user decides. */
        ASKING,
        LOADING,
        LOADED,
    }
}
