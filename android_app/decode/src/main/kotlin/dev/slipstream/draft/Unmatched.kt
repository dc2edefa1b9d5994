package dev.slipstream.draft

/** [policy], which is never told of a match: nothing is drafted from the text. */
public class Unmatched(
    private val policy: Policy,
) : Policy by policy {
    override fun plan(
        position: Int,
        most: Int,
        match: Int,
    ): DraftPlan = policy.plan(position, most, match = 0)
}
