package dev.slipstream

/**
 * What a self-check found. [firstDifference] is null when all traces agree; [rounds] counts replayed rounds by trace,
 * [targetForks] and [draftForks] near ties that fell otherwise within the traces' tolerance. [bench] is a table as
 * `slipstream bench --json` prints it, [traces] what this device computed, as JSON Lines by name.
 */
public data class CheckOutcome(
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
