package dev.slipstream.decode

/** Counts over completed verify passes; prefills and cancelled rounds are left out, except for [emitted]. */
public class DecodeStats {
    public var emitted: Int = 0
        private set
    public var rounds: Int = 0
        private set
    public var drafted: Int = 0
        private set
    public var accepted: Int = 0
        private set

    public fun add(round: Round) {
        emitted += round.emittedTokens.size
        if (round.verifyWidth > 0 && round.stopReason != StopReason.CANCELLED) {
            rounds += 1
            drafted += round.draftTokens.size
            accepted += round.numAccepted
        }
    }

    /** accepted / drafted; 0.0 when nothing was drafted. */
    public val acceptanceRate: Double
        get() = if (drafted == 0) 0.0 else accepted.toDouble() / drafted

    /** (accepted + rounds) / rounds: tokens a verify pass yields; 0.0 without rounds. */
    public val meanAcceptedLength: Double
        get() = if (rounds == 0) 0.0 else (accepted + rounds).toDouble() / rounds
}
