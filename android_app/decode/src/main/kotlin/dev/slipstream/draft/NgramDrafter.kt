package dev.slipstream.draft

/** The loop's Drafter where there is no model: up to [count] drafts a round, looked up in a text of up to [capacity] slots. */
public fun ngramDrafter(
    count: Int,
    capacity: Int,
): Proposer = Proposer(Fixed(count, ngrams = true), capacity)
