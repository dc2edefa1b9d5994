package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.decode.DecodeStats
import dev.slipstream.decode.Session
import dev.slipstream.decode.StopReason

/** One prompt decoded, and how: what `generate` reports. Seconds are of wall clock. */
public class Reply(
    public val promptTokens: IntList,
    public val tokens: IntList,
    public val stopReason: StopReason?,
    public val stats: DecodeStats,
    public val prefillSeconds: Double,
    public val decodeSeconds: Double,
) {
    /** Of decoding alone: the first token is the prefill's. */
    public val tokensPerSecond: Double
        get() = if (tokens.size > 1) (tokens.size - 1) / decodeSeconds else 0.0

    /** As `generate --json` prints it. */
    public fun fields(text: String): Map<String, Any?> =
        mapOf(
            "prompt_tokens" to promptTokens,
            "tokens" to tokens,
            "text" to text,
            "stop_reason" to stopReason?.traceName,
            "rounds" to stats.rounds,
            "drafted" to stats.drafted,
            "accepted" to stats.accepted,
            "acceptance_rate" to stats.acceptanceRate,
            "mean_accepted_length" to stats.meanAcceptedLength,
            "prefill_seconds" to prefillSeconds,
            "decode_seconds" to decodeSeconds,
            "tokens_per_second" to tokensPerSecond,
        )
}

/** Decodes one turn; [onTokens] gets the tokens of each round as it ends, and whether the last of them ended the turn. */
public fun reply(
    session: Session,
    promptTokens: IntList,
    maxNewTokens: Int,
    onTokens: (IntList, StopReason?) -> Unit = { _, _ -> },
): Reply {
    val stats = DecodeStats()
    val tokens = MutableIntList(maxOf(0, minOf(maxNewTokens, 1 shl 16)))
    var reason: StopReason? = null
    val begin = System.nanoTime()
    var prefilled = begin
    var isFirst = true
    for (round in session.turn(promptTokens, maxNewTokens)) {
        if (isFirst) prefilled = System.nanoTime()
        isFirst = false
        stats.add(round)
        tokens.addAll(round.emittedTokens)
        reason = round.stopReason
        onTokens(round.emittedTokens, reason)
    }
    val end = System.nanoTime()
    return Reply(promptTokens, tokens, reason, stats, (prefilled - begin) * 1e-9, (end - prefilled) * 1e-9)
}
