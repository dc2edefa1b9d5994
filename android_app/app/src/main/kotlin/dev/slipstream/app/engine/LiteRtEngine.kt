package dev.slipstream.app.engine

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.MutableIntSet
import dev.slipstream.chat.Channel
import dev.slipstream.chat.SaidText
import dev.slipstream.chat.Splitter
import dev.slipstream.chat.message
import dev.slipstream.chat.of
import dev.slipstream.decode.DecodeStats
import dev.slipstream.decode.Round
import dev.slipstream.decode.StopReason
import dev.slipstream.draft.Policy
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.Conversation
import dev.slipstream.litert.draftLengths
import dev.slipstream.sampling.DraftChoice
import java.security.SecureRandom

/** [runtime] behind the app's interface; closes it. [benchSeconds] is what a self-check may spend on its bench. */
internal class LiteRtEngine(
    private val runtime: BundleRuntime,
    private val benchSeconds: Double = 20.0,
) : Engine {
    private val manifest = runtime.manifest
    private val random = SecureRandom()
    private val conversation =
        Conversation(runtime, MutableIntSet().apply { manifest.tokens.stop.forEach { add(it) } })

    override val info =
        EngineInfo(
            manifest.manifestSha256,
            manifest.target.id,
            manifest.drafter?.id,
            manifest.contextLength,
            manifest.chat != null,
            manifest.chat?.thinking != null,
            draftLengths(runtime).filter { it > 0 },
        )

    override fun reply(
        request: ReplyRequest,
        cancelled: () -> Boolean,
        onProgress: (ReplyProgress) -> Unit,
    ): ReplyEnd {
        val policy = policy(request.drafting)
        val tokens = MutableIntList()
        val splitter = splitter(request)
        request.begun?.tokens?.let {
            tokens.addAll(it)
            onProgress(goingOn(splitter.append(it)))
        }
        val pieces = Pieces(splitter)
        val stats = DecodeStats()
        val probed = policy.probeNanos
        var decodeNanos = 0L
        val reason =
            conversation.turn(
                context(request),
                manifest.contextLength / REPLY_SHARE,
                policy,
                sampling(),
                cancelled,
                { done, total -> onProgress(ReplyProgress.Reading(done, total)) },
            ) { round, nanos ->
                stats.add(round)
                if (round.verifyWidth > 0) decodeNanos += nanos
                tokens.addAll(round.visibleTokens())
                onProgress(
                    ReplyProgress.Said(
                        pieces.of(round),
                        meter(
                            stats,
                            decodeNanos,
                            round,
                            policy.probeNanos - probed,
                        ),
                    ),
                )
            }
        // A process that is killed closes nothing.
        runtime.keepLearnt()
        return ReplyEnd(splitter(request).message(tokens), reason)
    }

    override fun selfCheck(
        cancelled: () -> Boolean,
        onStep: (CheckStep) -> Unit,
    ): CheckOutcome? {
        // The traces take the cache.
        conversation.forget()
        return SelfCheck(runtime, benchSeconds).run(cancelled, onStep)
    }

    override fun close() = runtime.close()

    private fun policy(drafting: Drafting): Policy =
        when (drafting) {
            Drafting.AUTO -> runtime.autoPolicy()
            Drafting.ON -> runtime.fixedPolicy(manifest.draftTokens)
            Drafting.OFF -> runtime.fixedPolicy(0)
        }

    /** As the checkpoint's makers sample, each reply with random numbers of its own. */
    private fun sampling() = runtime.sampling.copy(seed = random.nextLong() ushr 1, drafts = DraftChoice.DRAWN)

    private fun splitter(request: ReplyRequest): Splitter =
        if (request.isChat) runtime.chat.splitter(request.thinking) else runtime.splitter()

    private fun goingOn(said: List<SaidText>) =
        ReplyProgress.GoingOn(said.of(Channel.THOUGHT).length, said.of(Channel.ANSWER).length)

    /** All that is to be read before the first token that is new. */
    private fun context(request: ReplyRequest): IntList {
        val context = MutableIntList()
        if (request.isChat) {
            val asked = if (request.begun == null) request.messages else request.messages.dropLast(1)
            context.addAll(runtime.chat.context(asked, request.thinking))
            request.begun?.tokens?.let(context::addAll)
        } else {
            context.add(manifest.tokens.bos)
            for (message in request.messages) context.addAll(message.tokens ?: runtime.encodeText(message.content))
        }
        return context
    }

    private fun meter(
        stats: DecodeStats,
        decodeNanos: Long,
        round: Round,
        probeNanos: Long,
    ) = Meter(
        tokens = stats.emitted,
        // The first token is the prefill's.
        tokensPerSecond = if (decodeNanos == 0L) 0.0 else (stats.emitted - 1) * 1e9 / decodeNanos,
        acceptanceRate = if (stats.drafted == 0) null else stats.acceptanceRate,
        meanAcceptedLength = stats.meanAcceptedLength,
        draftTokens = round.draftTokens.size,
        drafting = draftingFigures(stats, probeNanos * 1e-9),
    )

    private companion object {
        /** A reply may take a quarter of the context: a small model that finds no end leaves room for more turns. */
        const val REPLY_SHARE = 4
    }
}

/** A reply's text, round by round. */
private class Pieces(
    private val splitter: Splitter,
) {
    fun of(round: Round): List<Piece> {
        val tokens = round.visibleTokens()
        val pieces = ArrayList<Piece>()
        for (i in 0 until tokens.size) splitter.append(tokens[i]).mapTo(pieces) { piece(it, i < round.numAccepted) }
        if (round.stopReason != null) splitter.finish().mapTo(pieces) { piece(it, accepted = false) }
        return pieces
    }

    private fun piece(
        said: SaidText,
        accepted: Boolean,
    ) = Piece(said.text, accepted, said.channel == Channel.THOUGHT)
}

/** What was emitted, without the stop token that ended the turn. */
private fun Round.visibleTokens(): IntList {
    val count = if (stopReason == StopReason.STOP_TOKEN) emittedTokens.size - 1 else emittedTokens.size
    return MutableIntList(count).also { list -> for (i in 0 until count) list.add(emittedTokens[i]) }
}
