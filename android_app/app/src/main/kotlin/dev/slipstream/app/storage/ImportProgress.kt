package dev.slipstream.app.storage

/** [done] of [total] bytes are copied, or checked; [section] is the one that is being checked. */
internal data class ImportProgress(
    val done: Long,
    val total: Long,
    val isChecking: Boolean = false,
    val section: String? = null,
) {
    val fraction: Float get() = if (total == 0L) 0f else (done.toDouble() / total).toFloat()
}
