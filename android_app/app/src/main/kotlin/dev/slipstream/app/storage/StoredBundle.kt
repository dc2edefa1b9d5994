package dev.slipstream.app.storage

import dev.slipstream.BundleNeed
import java.io.File

/** A bundle on the shelf. [need] is null where the file can't be read as one; [sha256] then too. */
internal data class StoredBundle(
    val file: File,
    val bytes: Long,
    val need: BundleNeed?,
    val sha256: String?,
    val isChosen: Boolean,
    /** It lies where adb pushed it, and has no name of its own. */
    val isPushed: Boolean,
)
