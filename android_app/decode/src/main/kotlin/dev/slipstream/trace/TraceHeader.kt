package dev.slipstream.trace

import androidx.collection.IntList
import dev.slipstream.sampling.Sampling

/** What was decoded and how; runtime_spec/TRACES.md explains each field. */
public class TraceHeader(
    public val name: String,
    public val capacity: Int,
    public val verifyWidths: IntList,
    public val numDraftTokens: Int,
    public val stopTokens: IntList,
    /** Null: the target is greedy. */
    public val sampling: Sampling?,
    /** Whether drafts are looked up in the text. */
    public val ngram: Boolean,
    /** False: the drafter's tokens may differ. */
    public val exactDrafts: Boolean,
    /** A target token whose margin is below it may differ on other kernels. */
    public val tolerance: Double,
    public val turns: List<Turn>,
)
