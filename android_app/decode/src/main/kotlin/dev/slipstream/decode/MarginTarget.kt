package dev.slipstream.decode

/** A target that can also be recorded: it knows how close its choices were. */
public interface MarginTarget : Target {
    /** Top-1 minus top-2 logit for every token that the last prefill or verify returned, in order. */
    public fun margins(): List<Double>
}
