package dev.slipstream.chat

/** Text of tokens as they come, whole characters only. */
public interface TextSource {
    /** The text that [token] completes; empty when there is none yet. */
    public fun append(token: Int): String

    /** The rest, when no more tokens come. */
    public fun finish(): String
}
