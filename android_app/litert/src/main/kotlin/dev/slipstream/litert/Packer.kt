package dev.slipstream.litert

import dev.slipstream.bundle.Bundle
import dev.slipstream.errors.BundleException
import dev.slipstream.errors.SlipstreamException
import java.io.File

/** Packs a bundle's weights into a folder, `SECTION.xnnpack` each. */
public fun interface Packer {
    /** What went wrong, in words, or null where all was packed; no words where opening the bundle will say it. */
    public fun pack(
        bundle: File,
        folder: File,
    ): String?
}

/**
 * Packs in this process, for platforms that have no other. XNNPACK ends the process where it can't write: the room must
 * have been looked after before.
 */
public class PackerHere(
    private val library: LiteRtLibrary? = null,
) : Packer {
    override fun pack(
        bundle: File,
        folder: File,
    ): String? =
        try {
            Bundle.open(bundle).use { opened ->
                // An embedder has no matrix that XNNPACK packs.
                val weights = { section: String ->
                    File(folder, "$section${Entry.SUFFIX}").takeIf { section == MAIN || section == DRAFTER }
                }
                Models(opened, threads = 1, weights, library ?: LiteRtLibrary.load()).close()
            }
            null
        } catch (_: BundleException) {
            ""
        } catch (error: SlipstreamException) {
            error.title
        }
}
