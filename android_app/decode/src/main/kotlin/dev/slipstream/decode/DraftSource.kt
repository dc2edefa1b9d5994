package dev.slipstream.decode

/** Where drafts come from; [traceName] is its spelling in traces. */
public enum class DraftSource(
    public val traceName: String,
) {
    /** The model. */
    DRAFTER("drafter"),

    /** The text: what followed the last time. */
    NGRAM("ngram"),
}
