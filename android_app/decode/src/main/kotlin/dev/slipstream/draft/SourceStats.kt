package dev.slipstream.draft

/** Of one source: [rounds] by number of drafts (index 0 unused), drafts and accepted drafts by position. */
public data class SourceStats(
    public val rounds: List<Long>,
    public val drafted: List<Long>,
    public val accepted: List<Long>,
)
