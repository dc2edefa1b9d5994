package dev.slipstream.app.setup

import dev.slipstream.app.ModelBindings

/** What to do without a bundle: the adb command, and the bundle that the app was made for. */
internal data class SetupAdvice(
    val pushLine: String,
    val targetId: String = ModelBindings.TARGET_ID,
    val drafterId: String? = ModelBindings.DRAFTER_ID.ifEmpty { null },
    val recipe: String = ModelBindings.RECIPE,
    val size: Long = ModelBindings.BUNDLE_SIZE,
)
