package dev.slipstream.app.storage

/** The bundle that is packed into the APK. [sha256] is its manifest's `manifest_sha256`. */
internal class PackedBundle(
    val sha256: String,
    val open: () -> BundleSource,
)
