package dev.slipstream.app.engine

import androidx.collection.MutableIntList
import dev.slipstream.chat.MODEL
import dev.slipstream.chat.Message
import dev.slipstream.chat.USER
import dev.slipstream.decode.StopReason
import dev.slipstream.errors.UsageException

internal val SCRIPT =
    listOf(
        Piece("The", false),
        Piece(" slip", true),
        Piece("stream", true),
        Piece(" is", true),
        Piece(" where", false),
        Piece(" the", true),
        Piece(" air", true),
        Piece(" moves", false),
        Piece(" along", true),
        Piece(".", true),
    )

internal const val THOUGHT = "What moves?"

/**
 * Says [SCRIPT], a round of a piece each, to everyone, behind [THOUGHT] where thinking is on. With [isPaused] it waits
 * before the last piece until it is let go or cancelled, with [isReading] before the first; told "fail", "fill" or "long"
 * it fails, fills the context, or ends in the middle.
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

    override val info =
        EngineInfo(sha256, "demo/target", "demo/drafter", 512, hasChat = true, hasThinking = true, listOf(2, 4, 7))

    override fun reply(
        request: ReplyRequest,
        cancelled: () -> Boolean,
        onProgress: (ReplyProgress) -> Unit,
    ): ReplyEnd {
        threads.add(Thread.currentThread().name)
        synchronized(requests) { requests.add(request) }
        val asked = request.messages.last { it.role == USER }.content
        if (asked == "fail") throw UsageException("It fails", "luck", "none", "the script", "Say another thing.")
        val begun = request.begun
        begun?.let { onProgress(ReplyProgress.GoingOn(it.thought.length, it.content.length)) }
        val said = MutableIntList().also { tokens -> begun?.tokens?.let(tokens::addAll) }
        val text = StringBuilder(begun?.content.orEmpty())
        val thought = if (request.thinking) THOUGHT else ""

        fun end(reason: StopReason) = ReplyEnd(Message(MODEL, "$text", thought, said, said), reason)
        while (isReading && !cancelled()) {
            onProgress(ReplyProgress.Reading(256, 512))
            Thread.sleep(2)
        }
        if (cancelled()) return end(StopReason.CANCELLED)
        if (thought.isNotEmpty()) onProgress(ReplyProgress.Said(listOf(Piece(thought, false, true)), Meter()))
        for ((index, piece) in SCRIPT.withIndex()) {
            while (index == SCRIPT.lastIndex && isPaused && !cancelled()) Thread.sleep(2)
            if (cancelled()) return end(StopReason.CANCELLED)
            said.add(100 + index)
            text.append(piece.text)
            onProgress(
                ReplyProgress.Said(
                    listOf(piece),
                    Meter(
                        index + 1,
                        42.0,
                        0.7,
                        2.8,
                        4,
                        DraftingFigures(
                            roundsByLength =
                                mapOf(4 to index + 1),
                        ),
                    ),
                ),
            )
        }
        return end(
            when (asked) {
                "fill" -> StopReason.CACHE_FULL
                "long" -> StopReason.MAX_NEW_TOKENS
                else -> StopReason.STOP_TOKEN
            },
        )
    }

    override fun selfCheck(
        cancelled: () -> Boolean,
        onStep: (CheckStep) -> Unit,
    ): CheckOutcome? {
        threads.add(Thread.currentThread().name)
        onStep(CheckStep(CheckStep.Kind.BYTES))
        onStep(CheckStep(CheckStep.Kind.TRACE, "golden"))
        while (isPaused && !cancelled()) Thread.sleep(2)
        if (cancelled()) return null
        onStep(CheckStep(CheckStep.Kind.BENCH))
        return OUTCOME.copy(bundleSha256 = info.bundleSha256, firstDifference = difference)
    }

    override fun close() {
        isClosed = true
    }
}

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
