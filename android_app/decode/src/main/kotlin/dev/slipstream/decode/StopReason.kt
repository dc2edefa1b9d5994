package dev.slipstream.decode

/** Why a turn ended; [traceName] is its spelling in traces. The earlier one wins where two meet. */
public enum class StopReason(
    public val traceName: String,
) {
    STOP_TOKEN("stop_token"),
    MAX_NEW_TOKENS("max_new_tokens"),
    CACHE_FULL("cache_full"),
    CANCELLED("cancelled"),
}
