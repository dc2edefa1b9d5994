package dev.slipstream.draft

import dev.slipstream.decode.DraftSource
import dev.slipstream.decode.Round

/**
 * Always drafts alike: [count] a round, 0 decodes plainly, of the model or, with [ngrams], from the text where it has a
 * match. Where there is no model either, a text without a match is decoded plainly.
 */
public class Fixed(
    public val count: Int,
    ngrams: Boolean = false,
) : Policy {
    override val isAsked: Boolean get() = false
    override val looksUp: Boolean = ngrams && count > 0

    private val byDrafter = DraftPlan(DraftSource.DRAFTER, count)
    private val byNgram = DraftPlan(DraftSource.NGRAM, count)

    override fun plan(
        position: Int,
        most: Int,
        match: Int,
    ): DraftPlan =
        when {
            count < 1 -> DraftPlan.PLAIN
            looksUp && match > 0 -> byNgram
            else -> byDrafter
        }

    override fun goesOn(
        drafted: Int,
        confidence: Double,
        made: Int,
    ): Boolean = true

    override fun observe(
        round: Round,
        draftNanos: Long,
        nanos: Long,
        matched: Int,
    ) {
        // What was measured changes nothing.
    }
}
