package dev.slipstream.draft

/** All rounds that a policy observed. [trialNanos] is what rounds of trials took, whatever they gave, [nanos] all rounds. */
public data class DraftStats(
    public val plainRounds: Long,
    public val drafter: SourceStats,
    public val ngram: SourceStats,
    public val trialRounds: Long,
    public val trialNanos: Long,
    public val nanos: Long,
)
