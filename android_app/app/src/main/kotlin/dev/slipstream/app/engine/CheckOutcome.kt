package dev.slipstream.app.engine

/**
 * What a self-check found. [firstDifference] is null when all traces agree; [rounds] counts replayed rounds by trace,
 * [traces] is what this device computed, as JSON Lines by name. [bench] is a table as `slipstream bench` prints it.
 */
internal data class CheckOutcome(
    val bundleSha256: String,
    val firstDifference: String?,
    val rounds: Map<String, Int>,
    val targetForks: Int,
    val draftForks: Int,
    val bench: Map<String, Map<String, Any?>>,
    val traces: Map<String, String>,
) {
    val passed: Boolean get() = firstDifference == null
}
