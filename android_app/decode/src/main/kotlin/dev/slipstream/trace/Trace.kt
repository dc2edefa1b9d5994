package dev.slipstream.trace

import dev.slipstream.decode.Round

/** A header, and what happened in every round of its turns. */
public class Trace(
    public val header: TraceHeader,
    public val rounds: List<Round>,
)
