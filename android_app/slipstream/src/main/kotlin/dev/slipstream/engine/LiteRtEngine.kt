package dev.slipstream.engine

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.MutableIntSet
import dev.slipstream.CheckOutcome
import dev.slipstream.CheckStep
import dev.slipstream.Drafting
import dev.slipstream.ModelInfo
import dev.slipstream.ReplyEvent
import dev.slipstream.chat.Channel
import dev.slipstream.chat.SaidText
import dev.slipstream.chat.Splitter
import dev.slipstream.chat.message
import dev.slipstream.chat.of
import dev.slipstream.decode.StopReason
import dev.slipstream.draft.Policy
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.Conversation
import dev.slipstream.litert.draftLengths
import dev.slipstream.sampling.DraftChoice
import dev.slipstream.sampling.Sampling
import java.security.SecureRandom

/** [runtime] as an engine; closes it. */
internal class LiteRtEngine(
    private val runtime: BundleRuntime,
) : Engine {
    private val manifest = runtime.manifest
    private val random = SecureRandom()
    private val conversation =
        Conversation(runtime, MutableIntSet().apply { manifest.tokens.stop.forEach { add(it) } })

    override val info =
        ModelInfo(
            manifest.manifestSha256,
            manifest.target.id,
            manifest.drafter?.id,
            manifest.recipe.name,
            manifest.contextLength,
            hasChat = manifest.chat != null,
            hasSystem = manifest.chat?.system != null,
            hasThinking = manifest.chat?.thinking != null,
            draftLengths(runtime).filter { it > 0 },
            runtime.sampling,
        )

    override fun reply(
        request: ReplyRequest,
        cancelled: () -> Boolean,
        onEvent: (ReplyEvent) -> Unit,
    ): EngineReply {
        val policy = policy(request.options.drafting)
        val tokens = MutableIntList()
        val splitter = splitter(request)
        begun(request)?.let {
            tokens.addAll(it)
            onEvent(resumed(splitter.append(it)))
        }
        val pieces = Pieces(splitter)
        val context = context(request)
        val figures = Figures(context.size) { policy.probeNanos }
        val reason =
            conversation.turn(
                context,
                request.options.maxNewTokens ?: (manifest.contextLength / REPLY_SHARE),
                policy,
                request.options.sampling ?: sampling(),
                cancelled,
                { done, total -> onEvent(ReplyEvent.Prefill(done, total)) },
            ) { round, nanos ->
                tokens.addAll(round.visibleTokens())
                pieces.of(round).forEach(onEvent)
                val after = figures.add(round, nanos)
                // A pass that was cancelled gave nothing.
                if (round.emittedTokens.isNotEmpty()) onEvent(ReplyEvent.Round(after))
            }
        // A process that is killed closes nothing.
        runtime.keepLearnt()
        return EngineReply(splitter(request).message(tokens), reason)
    }

    override fun contextTokens(request: ReplyRequest): Int = context(request).size

    override fun selfCheck(
        benchSeconds: Double,
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
    private fun sampling(): Sampling =
        runtime.sampling.copy(seed = random.nextLong() ushr 1, drafts = DraftChoice.DRAWN)

    private fun splitter(request: ReplyRequest): Splitter =
        if (request.isChat) runtime.chat.splitter(request.options.thinking) else runtime.splitter()

    private fun resumed(said: List<SaidText>) = ReplyEvent.Resumed(said.of(Channel.ANSWER), said.of(Channel.THOUGHT))

    /** All that is to be read before the first token that is new. */
    private fun context(request: ReplyRequest): IntList {
        val context = MutableIntList()
        if (request.isChat) {
            val asked = if (request.begun == null) request.messages else request.messages.dropLast(1)
            context.addAll(runtime.chat.context(asked, request.options.thinking))
            begun(request)?.let(context::addAll)
        } else {
            context.add(manifest.tokens.bos)
            for (message in request.messages) context.addAll(message.tokens ?: runtime.encodeText(message.content))
        }
        return context
    }

    /** What the reply that goes on has said: of one that is known by its text alone, as the tokenizer has that. */
    private fun begun(request: ReplyRequest): IntList? =
        request.begun?.let {
            it.tokens ?: if (request.isChat) runtime.chat.encode(it.content) else runtime.encodeText(it.content)
        }

    private companion object {
        /** A reply may take a quarter of the context: a small model that finds no end leaves room for more turns. */
        const val REPLY_SHARE = 4
    }
}
