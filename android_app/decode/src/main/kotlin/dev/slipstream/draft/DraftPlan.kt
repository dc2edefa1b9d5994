package dev.slipstream.draft

import dev.slipstream.decode.DraftSource

/** At most [count] drafts of [source]; null decodes plainly. */
public class DraftPlan(
    public val source: DraftSource?,
    public val count: Int,
) {
    public companion object {
        /** No drafts. */
        public val PLAIN: DraftPlan = DraftPlan(null, 0)
    }
}
