package dev.slipstream.trace

/** Rounds replayed; tokens of the target and rounds of the drafter that differed within the rules. */
public class ReplayReport {
    public var rounds: Int = 0
        internal set
    public var targetForks: Int = 0
        internal set
    public var draftForks: Int = 0
        internal set
}
