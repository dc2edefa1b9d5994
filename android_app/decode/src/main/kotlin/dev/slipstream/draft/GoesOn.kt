package dev.slipstream.draft

/** Whether a drafter is to draft one more: asked after each draft but the last. No lambda, which would box. */
public fun interface GoesOn {
    /** [drafted] so far; [confidence] is what the drafter's own distribution gave to the last of them. */
    public fun goesOn(
        drafted: Int,
        confidence: Double,
    ): Boolean
}
