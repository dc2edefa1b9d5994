package dev.slipstream.app.engine

/** What a self-check is doing; [detail] is a section's or a trace's name. */
internal data class CheckStep(
    val kind: Kind,
    val detail: String = "",
) {
    enum class Kind {
        BYTES,
        TRACE,
        BENCH,
    }
}
