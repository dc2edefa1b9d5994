package dev.slipstream.app

/** The bundle this app was made for. An export writes this file; this one stands for the demo pair. */
internal object ModelBindings {
    /** `manifest_sha256` of the bundle's manifest, which is over the digests of all its sections. */
    const val BUNDLE_SHA256: String = "6a6cee0ce2df38b8c1ef3d2a88e1fc8fa622d38b4af6bdca2e6baf4fb41435fd"

    /** Bytes of the `.litertlm`. */
    const val BUNDLE_SIZE: Long = 7_665_361L

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
