package dev.slipstream.draft

/** Says before each round how many tokens to draft, and is told afterwards what the round gave. For one thread. */
public interface DraftPolicy {
    /** Drafts to ask for in the next round; 0 decodes plainly. */
    public val count: Int

    /** A round with [drafted] drafts emitted [emitted] tokens in [nanos]. */
    public fun observe(
        drafted: Int,
        emitted: Int,
        nanos: Long,
    )
}
