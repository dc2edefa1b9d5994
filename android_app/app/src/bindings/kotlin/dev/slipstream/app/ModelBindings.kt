package dev.slipstream.app

/** The bundle this app was made for. An export writes this file; this one stands for the demo pair. */
internal object ModelBindings {
    /** `manifest_sha256` of the bundle's manifest, which is over the digests of all its sections. */
    const val BUNDLE_SHA256: String = "53c4f9414baca7f75c3dd104cff3daba266ebc7c5d0f7518542e0108807fa81b"

    /** Bytes of the `.litertlm`. */
    const val BUNDLE_SIZE: Long = 6_885_377L

    /** The asset that holds the bundle, uncompressed, where it is packed into the APK. */
    val BUNDLE_ASSET: String? = null
    const val TARGET_ID: String = "target"

    /** Empty without a drafter. */
    const val DRAFTER_ID: String = "drafter"
    const val RECIPE: String = "int8"

    /** Drafts a round that the drafter was exported for. */
    const val DRAFT_TOKENS: Int = 4

    /** Tokens. */
    const val CONTEXT_LENGTH: Int = 512
}
