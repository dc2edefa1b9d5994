package dev.slipstream

/** What a self-check is doing; [detail] is a trace's name. */
public data class CheckStep(
    val kind: Kind,
    val detail: String = "",
) {
    public enum class Kind {
        /** Every byte is compared with its digest. */
        BYTES,

        /** A golden trace is replayed, and computed anew. */
        TRACE,

        /** Plain decoding is timed against drafted. */
        BENCH,
    }
}
