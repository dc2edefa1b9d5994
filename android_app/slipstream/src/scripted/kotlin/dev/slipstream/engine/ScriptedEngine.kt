package dev.slipstream.engine

import androidx.collection.MutableIntList
import dev.slipstream.CheckOutcome
import dev.slipstream.CheckStep
import dev.slipstream.ModelInfo
import dev.slipstream.ReplyEvent
import dev.slipstream.ReplyFigures
import dev.slipstream.chat.MODEL
import dev.slipstream.chat.Message
import dev.slipstream.chat.USER
import dev.slipstream.decode.DraftSource.DRAFTER
import dev.slipstream.decode.StopReason
import dev.slipstream.errors.PromptTooLongException
import dev.slipstream.errors.SlipstreamException
import dev.slipstream.errors.UsageException

internal val SCRIPT =
    listOf(
        ReplyEvent.Text("The", null),
        ReplyEvent.Text(" slip", DRAFTER),
        ReplyEvent.Text("stream", DRAFTER),
        ReplyEvent.Text(" is", DRAFTER),
        ReplyEvent.Text(" where", null),
        ReplyEvent.Text(" the", DRAFTER),
        ReplyEvent.Text(" air", DRAFTER),
        ReplyEvent.Text(" moves", null),
        ReplyEvent.Text(" along", DRAFTER),
        ReplyEvent.Text(".", DRAFTER),
    )

internal const val THOUGHT = "What moves?"

/**
 * Says [SCRIPT], a round of a piece each, to everyone, behind [THOUGHT] where thinking is on. With [isPaused] it waits
 * before the last piece until it is let go or cancelled, with [isReading] before the first; told "fail", "fill" or "long"
 * it fails, fills the context, or ends in the middle. A letter is a token of its context.
 */
internal class ScriptedEngine(
    sha256: String = "s".repeat(64),
) : Engine {
    @Volatile
    var isPaused = false

    @Volatile
    var isReading = false

    @Volatile
    var isClosed = false
    val requests = ArrayList<ReplyRequest>()
    val threads = LinkedHashSet<String>()
    var difference: String? = null

    /** What a self-check ends with. */
    var failure: SlipstreamException? = null

    override val info =
        ModelInfo(
            sha256,
            "demo/target",
            "demo/drafter",
            "int8",
            512,
            hasChat = true,
            hasSystem = true,
            hasThinking = true,
            listOf(2, 4, 7),
        )

    override fun reply(
        request: ReplyRequest,
        cancelled: () -> Boolean,
        onEvent: (ReplyEvent) -> Unit,
    ): EngineReply {
        threads.add(Thread.currentThread().name)
        synchronized(requests) { requests.add(request) }
        val asked = request.messages.last { it.role == USER }.content
        if (asked == "fail") throw UsageException("It fails", "luck", "none", "the script", "Say another thing.")
        checkContext(contextTokens(request))
        val begun = request.begun
        begun?.let { onEvent(ReplyEvent.Resumed(it.content, it.thought)) }
        val said = MutableIntList().also { tokens -> begun?.tokens?.let(tokens::addAll) }
        val text = StringBuilder(begun?.content.orEmpty())
        val thought = if (request.options.thinking) THOUGHT else ""

        fun end(reason: StopReason) = EngineReply(Message(MODEL, "$text", thought, said, said), reason)
        while (isReading && !cancelled()) {
            onEvent(ReplyEvent.Prefill(256, 512))
            Thread.sleep(2)
        }
        if (cancelled()) return end(StopReason.CANCELLED)
        if (thought.isNotEmpty()) onEvent(ReplyEvent.Thought(thought, null))
        for ((index, piece) in SCRIPT.withIndex()) {
            while (index == SCRIPT.lastIndex && isPaused && !cancelled()) Thread.sleep(2)
            if (cancelled()) return end(StopReason.CANCELLED)
            if (index == request.options.maxNewTokens) return end(StopReason.MAX_NEW_TOKENS)
            said.add(100 + index)
            text.append(piece.text)
            onEvent(piece)
            onEvent(ReplyEvent.Round(figures(index + 1)))
        }
        return end(
            when (asked) {
                "fill" -> StopReason.CACHE_FULL
                "long" -> StopReason.MAX_NEW_TOKENS
                else -> StopReason.STOP_TOKEN
            },
        )
    }

    override fun contextTokens(request: ReplyRequest): Int = request.messages.sumOf { it.content.length }

    private fun checkContext(tokens: Int) {
        if (tokens < info.contextLength) return
        throw PromptTooLongException(
            "The prompt is too long for the context",
            expected = "less than ${info.contextLength} letters",
            found = "$tokens",
            where = "the script",
            action = "Shorten the prompt.",
        )
    }

    override fun selfCheck(
        benchSeconds: Double,
        cancelled: () -> Boolean,
        onStep: (CheckStep) -> Unit,
    ): CheckOutcome? {
        threads.add(Thread.currentThread().name)
        onStep(CheckStep(CheckStep.Kind.BYTES))
        onStep(CheckStep(CheckStep.Kind.TRACE, "golden"))
        while (isPaused && !cancelled()) Thread.sleep(2)
        if (cancelled()) return null
        failure?.let { throw it }
        onStep(CheckStep(CheckStep.Kind.BENCH))
        return OUTCOME.copy(bundleSha256 = info.bundleSha256, firstDifference = difference)
    }

    override fun close() {
        isClosed = true
    }
}

private fun figures(tokens: Int) =
    ReplyFigures(
        tokens = tokens,
        tokensPerSecond = 42.0,
        acceptanceRate = 0.7,
        meanAcceptedLength = 2.8,
        draftTokens = 4,
        roundsByLength = mapOf(4 to tokens),
    )

private fun row(
    speed: Double,
    ratio: Double,
    acceptance: Double?,
) = mapOf(
    "tokens_per_second" to speed,
    "spread" to listOf(speed * 0.9, speed * 1.1),
    "ratio_to_plain" to ratio,
    "acceptance_rate" to acceptance,
    "mean_accepted_length" to 1.0,
)

internal val OUTCOME =
    CheckOutcome(
        bundleSha256 = "s".repeat(64),
        firstDifference = null,
        rounds = mapOf("plain" to 61, "chat" to 36),
        targetForks = 1,
        draftForks = 1,
        bench =
            mapOf(
                "plain" to row(21.4, 1.0, null),
                "drafted_2" to row(31.9, 1.49, 0.81),
                "drafted_4" to row(38.2, 1.79, 0.68),
                "drafted_7" to row(33.0, 1.54, 0.47),
            ),
        traces = mapOf("plain" to "{}\n"),
    )
