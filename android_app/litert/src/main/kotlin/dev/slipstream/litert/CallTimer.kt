package dev.slipstream.litert

/** Adds up the time spent inside LiteRT's calls, so that a benchmark can tell what a round costs outside of them. */
public class CallTimer {
    /** Nanoseconds of wall clock since it was made, or last set to 0. */
    public var nanoseconds: Long = 0
}
