package dev.slipstream.draft

/** Whether a drafter is to draft one more: asked after each draft but the last. No lambda, which would box. */
public fun interface GoesOn {
    /** Whether anybody minds: confidence costs a look at all logits. */
    public val isAsked: Boolean get() = true

    /**
     * [drafted] so far; [confidence] is what the drafter's own distribution gave to the last of them. [made] of those that
     * are wanted are made already.
     */
    public fun goesOn(
        drafted: Int,
        confidence: Double,
        made: Int,
    ): Boolean
}
