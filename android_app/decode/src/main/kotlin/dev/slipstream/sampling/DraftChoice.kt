package dev.slipstream.sampling

/** How a drafter chooses its drafts; [specName] is its spelling in traces and options. */
public enum class DraftChoice(
    public val specName: String,
) {
    /** Drawn from the drafter's own distribution: more of them are accepted. */
    DRAWN("drawn"),

    /** The greedy choice: what a seed draws does not depend on where rounds end. */
    GREEDY("greedy"),
}
