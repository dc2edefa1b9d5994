package dev.slipstream.draft

/** [policy], for which nothing is looked up. */
public class Unmatched(
    private val policy: Policy,
) : Policy by policy {
    override val looksUp: Boolean get() = false
}
