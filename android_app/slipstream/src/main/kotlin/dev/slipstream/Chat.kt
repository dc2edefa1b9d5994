package dev.slipstream

import dev.slipstream.chat.MODEL
import dev.slipstream.chat.Message
import dev.slipstream.chat.SYSTEM
import dev.slipstream.chat.USER
import dev.slipstream.decode.StopReason
import dev.slipstream.engine.Engine
import dev.slipstream.engine.EngineReply
import dev.slipstream.engine.EngineThread
import dev.slipstream.engine.ReplyRequest
import dev.slipstream.errors.UsageException
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import java.util.concurrent.atomic.AtomicInteger

/**
 * A conversation with a model: what was said, and what is said next. [Slipstream.chat] makes one.
 *
 * Each flow is cold: nothing happens until it is collected, and collecting it twice asks twice. Any thread may collect;
 * a slow one does not hold the model up. A chat has one reply at a time, and those that are asked for meanwhile wait.
 *
 * [stop] ends a reply at its next step, and so does cancelling the coroutine that collects, which gets no further event.
 * What was said until then stays, unless nothing was: then the message is unsaid, and the chat as it was before. So is it
 * after an error (PromptTooLongException where the context can't hold what was said).
 *
 * In a chat that has grown too long for the context the oldest turns make room ([ReplyOptions.trims]): what is said last is
 * answered as long as it fits by itself.
 */
public class Chat internal constructor(
    private val thread: EngineThread,
    private val info: ModelInfo,
    begin: ChatState,
) {
    private val replies = Mutex()

    private val stops = AtomicInteger()

    /** Written by who holds [replies]. */
    @Volatile
    private var state = begin

    /** What was said, the user first, without the system's text; not yet the reply that is being decoded. */
    public val turns: List<ChatTurn> get() = state.turns

    /** Whether the last reply ended in the middle, and [goOn] goes on with it. */
    public val canGoOn: Boolean get() = state.canGoOn

    /** Whether the context was used up by the last reply. What is said next goes on where older turns can leave. */
    public val isFull: Boolean get() = state.isFull

    /** Says [text] and lets the model reply. */
    public fun send(
        text: String,
        options: ReplyOptions = ReplyOptions(),
    ): Flow<ReplyEvent> = reply(options) { Asked(it.messages + Message(USER, text)) }

    /**
     * Lets a reply go on that was cut, by its budget, by a cancellation, or by the context's end where older turns can leave;
     * it stays one turn, and thinks as it began.
     * UsageException where [canGoOn] says no.
     */
    public fun goOn(options: ReplyOptions = ReplyOptions()): Flow<ReplyEvent> =
        reply(options) { state ->
            if (!state.canGoOn) {
                throw nothing(
                    "No reply was cut",
                    "one that its budget, a cancellation or the context ended",
                    "Send a message.",
                )
            }
            Asked(state.messages.dropLast(1), state.messages.last(), state.isThinking)
        }

    /** Asks for the last reply again. The old one stays until the new one has begun. UsageException where there is none. */
    public fun regenerate(options: ReplyOptions = ReplyOptions()): Flow<ReplyEvent> =
        reply(options) { state ->
            if (state.messages.lastOrNull()?.role != MODEL) {
                throw nothing("There is no reply to ask for again", "a reply", "Send a message.")
            }
            Asked(state.messages.dropLast(1))
        }

    /** Ends the reply that is being decoded, and any that waits, at its next step. Its flow tells the end. */
    public fun stop() {
        stops.incrementAndGet()
    }

    /**
     * Takes the last message of the user and the reply to it back. Returns its text, to be edited and sent again. Waits for
     * a reply that is being decoded. UsageException where there is none.
     */
    public suspend fun rewind(): String =
        replies.withLock {
            val last = state.messages.indexOfLast { it.role == USER }
            if (last < 0) throw nothing("There is nothing to take back", "a message of the user", "Send one first.")
            val text = state.messages[last].content
            state = ChatState(state.isPlain, state.messages.take(last))
            text
        }

    /** All that is needed to go on with this chat in another process. */
    public fun snapshot(): ChatSnapshot = ChatSnapshot(info.bundleSha256, state)

    private class Asked(
        val messages: List<Message>,
        val begun: Message? = null,
        val isThinking: Boolean? = null,
    ) {
        val said: List<Message> get() = messages + listOfNotNull(begun)
    }

    /** A slow collector must not hold the engine up: there is room for all events of a reply. */
    private fun reply(
        options: ReplyOptions,
        ask: (ChatState) -> Asked,
    ): Flow<ReplyEvent> =
        channelFlow {
            val before = stops.get()
            replies.withLock {
                val asked = ask(state)
                val isThinking = asked.isThinking ?: options.thinking
                val resolved =
                    with(options) { ReplyOptions(isThinking, maxNewTokens, sampling, drafting, trims) }
                var figures = ReplyFigures()
                val end =
                    thread.run { engine, cancelled ->
                        val request = fitted(engine, asked.said, resolved)
                        val left = turns(asked.said) - turns(request.messages)
                        if (left > 0) trySend(ReplyEvent.Trimmed(left))
                        // Kept in the engine's thread: who is cancelled does not come back from here.
                        engine
                            .reply(request, { cancelled() || stops.get() != before }) { event ->
                                if (event is ReplyEvent.Round) figures = event.figures
                                trySend(event)
                            }.also { keep(request, it) }
                    }
                send(if (isUnsaid(end)) ReplyEvent.Unsaid else ReplyEvent.End(turn(end.message), end.reason, figures))
            }
        }.buffer(Channel.UNLIMITED)

    /** [said] as far as the context can hold it. */
    private fun fitted(
        engine: Engine,
        said: List<Message>,
        options: ReplyOptions,
    ): ReplyRequest {
        val request = { messages: List<Message> -> ReplyRequest(messages, !state.isPlain, options) }
        if (!options.trims) return request(said)
        val trimming = Trimming(info.contextLength) { engine.contextTokens(request(it)) }
        return request(trimming.fit(said, options.maxNewTokens))
    }

    private fun turns(messages: List<Message>) = messages.count { it.role != SYSTEM }

    private fun keep(
        request: ReplyRequest,
        end: EngineReply,
    ) {
        if (isUnsaid(end)) return
        val asked = if (request.begun == null) request.messages else request.messages.dropLast(1)
        val isFull = end.reason == StopReason.CACHE_FULL
        val canShorten = asked.count { it.role == USER } > 1
        val isCut = end.reason == StopReason.MAX_NEW_TOKENS || end.reason == StopReason.CANCELLED
        val canGoOn = isCut || (isFull && canShorten)
        state = ChatState(state.isPlain, asked + end.message, request.options.thinking, canGoOn, isFull)
    }

    private fun isUnsaid(end: EngineReply): Boolean {
        val isEmpty = end.message.tokens?.isEmpty() ?: true
        return end.reason == StopReason.CANCELLED && isEmpty
    }

    private fun nothing(
        title: String,
        expected: String,
        action: String,
    ) = UsageException(title, expected, found = "none", where = "a chat of ${turns.size} turns", action)
}
