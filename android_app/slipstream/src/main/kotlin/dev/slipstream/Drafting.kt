package dev.slipstream

/** Whether tokens are drafted. It changes how fast a reply comes, never what may be said. */
public enum class Drafting {
    /** What measures best on this device, which is learnt while replies are decoded, and kept. */
    AUTO,

    /** Always as many drafts a round as the bundle was exported for. */
    ON,

    /** Never: one token a pass. */
    OFF,
}
