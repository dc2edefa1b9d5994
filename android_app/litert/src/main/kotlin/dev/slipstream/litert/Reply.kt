package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.decode.DecodeStats
import dev.slipstream.decode.Session
import dev.slipstream.decode.StopReason
import dev.slipstream.decode.never
import dev.slipstream.sampling.Sampling

/**
 * One prompt decoded, and how: what `generate` reports. The cache had [kept] of its tokens before. Seconds are of wall
 * clock.
 */
public class Reply(
    public val promptTokens: IntList,
    public val kept: Int,
    public val tokens: IntList,
    public val stopReason: StopReason?,
    public val stats: DecodeStats,
    public val prefillSeconds: Double,
    public val decodeSeconds: Double,
) {
    /** Of decoding alone: the first token is the prefill's. */
    public val tokensPerSecond: Double
        get() = if (tokens.size > 1) (tokens.size - 1) / decodeSeconds else 0.0

    /**
     * As `generate --json` prints it. [tokens] are all that were decoded, those of the thought too; [sampling] is how,
     * [probeSeconds] what went into trials of other draft lengths.
     */
    public fun fields(
        thought: String,
        text: String,
        sampling: Sampling,
        probeSeconds: Double,
    ): Map<String, Any?> =
        mapOf(
            "prompt_tokens" to promptTokens,
            "tokens" to tokens,
            "thought" to thought,
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
            "sampling" to if (sampling.isGreedy) null else sampling.fields(),
            "drafting" to stats.drafting() + ("probe_seconds" to probeSeconds),
        )
}

/**
 * Decodes one turn, as [Session.turn] has it; [onTokens] gets the tokens of each round as it ends, and whether the last
 * of them ended the turn.
 */
public fun reply(
    session: Session,
    promptTokens: IntList,
    maxNewTokens: Int,
    fromStart: Boolean = false,
    cancelled: () -> Boolean = never,
    onTokens: (IntList, StopReason?) -> Unit = { _, _ -> },
): Reply {
    val stats = DecodeStats()
    val tokens = MutableIntList(maxOf(0, minOf(maxNewTokens, 1 shl 16)))
    var reason: StopReason? = null
    val begin = System.nanoTime()
    var prefilled = begin
    var isFirst = true
    var kept = 0
    for (round in session.turn(promptTokens, maxNewTokens, cancelled, fromStart = fromStart)) {
        if (isFirst) {
            prefilled = System.nanoTime()
            kept = round.position
            isFirst = false
        }
        stats.add(round)
        tokens.addAll(round.emittedTokens)
        reason = round.stopReason
        onTokens(round.emittedTokens, reason)
    }
    val end = System.nanoTime()
    return Reply(promptTokens, kept, tokens, reason, stats, (prefilled - begin) * 1e-9, (end - prefilled) * 1e-9)
}
