package dev.slipstream.app.engine

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.MutableIntSet
import dev.slipstream.decode.DecodeStats
import dev.slipstream.decode.Round
import dev.slipstream.decode.StopReason
import dev.slipstream.draft.AutoDraft
import dev.slipstream.draft.DraftPolicy
import dev.slipstream.draft.FixedDraft
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.Conversation
import dev.slipstream.litert.draftLengths
import dev.slipstream.tokenizer.StreamingDetokenizer

/** [runtime] behind the app's interface; closes it. [benchSeconds] is what a self-check may spend on its bench. */
internal class LiteRtEngine(
    private val runtime: BundleRuntime,
    private val benchSeconds: Double = 20.0,
) : Engine {
    private val manifest = runtime.manifest
    private val auto = AutoDraft(draftLengths(runtime))
    private val conversation =
        Conversation(runtime, MutableIntSet().apply { manifest.tokens.stop.forEach { add(it) } })

    override val info =
        EngineInfo(
            manifest.manifestSha256,
            manifest.target.id,
            manifest.drafter?.id,
            manifest.contextLength,
            manifest.chat != null,
            draftLengths(runtime).filter { it > 0 },
        )

    override fun reply(
        request: ReplyRequest,
        cancelled: () -> Boolean,
        onProgress: (ReplyProgress) -> Unit,
    ): ReplyEnd {
        conversation.goOnFrom(request.history.toIntList())
        val policy = policy(request.drafting)
        val pieces = Pieces(runtime.tokenizer.streamingDetokenizer())
        val stats = DecodeStats()
        var decodeNanos = 0L
        val reason =
            conversation.turn(
                prompt(request),
                manifest.contextLength / REPLY_SHARE,
                policy,
                cancelled,
            ) { round, nanos ->
                stats.add(round)
                if (round.verifyWidth > 0) decodeNanos += nanos
                onProgress(ReplyProgress(pieces.of(round), meter(stats, decodeNanos, policy)))
            }
        return ReplyEnd(conversation.tokens.toList(), reason)
    }

    override fun selfCheck(
        cancelled: () -> Boolean,
        onStep: (CheckStep) -> Unit,
    ): CheckOutcome? {
        // The traces take the cache: the next turn prefills its conversation again.
        conversation.goOnFrom(MutableIntList())
        return SelfCheck(runtime, benchSeconds).run(cancelled, onStep)
    }

    override fun close() = runtime.close()

    private fun policy(drafting: Drafting): DraftPolicy =
        when (drafting) {
            Drafting.AUTO -> auto
            Drafting.ON -> FixedDraft(manifest.draftTokens)
            Drafting.OFF -> FixedDraft(0)
        }

    private fun prompt(request: ReplyRequest): IntList =
        when {
            request.text.isEmpty() -> MutableIntList()
            request.isChat && request.history.isEmpty() -> runtime.encodeChat(request.text)
            request.isChat -> runtime.encodeFollowUp(request.text, request.history.last())
            request.history.isEmpty() -> runtime.encode(request.text)
            else -> runtime.tokenizer.encode(request.text)
        }

    private fun meter(
        stats: DecodeStats,
        decodeNanos: Long,
        policy: DraftPolicy,
    ) = Meter(
        tokens = stats.emitted,
        // The first token is the prefill's.
        tokensPerSecond = if (decodeNanos == 0L) 0.0 else (stats.emitted - 1) * 1e9 / decodeNanos,
        acceptanceRate = if (stats.drafted == 0) null else stats.acceptanceRate,
        meanAcceptedLength = stats.meanAcceptedLength,
        draftTokens = if (manifest.drafter == null) 0 else policy.count,
    )

    private companion object {
        /** A reply may take a quarter of the context: a small model that finds no end leaves room for more turns. */
        const val REPLY_SHARE = 4
    }
}

/** A reply's text, round by round, without the stop token that ends it. */
private class Pieces(
    private val detokenizer: StreamingDetokenizer,
) {
    fun of(round: Round): List<Piece> {
        val tokens = round.emittedTokens
        val visible = if (round.stopReason == StopReason.STOP_TOKEN) tokens.size - 1 else tokens.size
        val pieces = ArrayList<Piece>()
        for (i in 0 until visible) pieces.add(Piece(detokenizer.append(tokens[i]), i < round.numAccepted))
        if (round.stopReason != null) pieces.add(Piece(detokenizer.finish(), accepted = false))
        return pieces.filter { it.text.isNotEmpty() }
    }
}

private fun List<Int>.toIntList(): IntList = MutableIntList(size).also { list -> forEach { list.add(it) } }

private fun IntList.toList(): List<Int> = List(size) { this[it] }
