package dev.slipstream.app.chat

import androidx.lifecycle.SavedStateHandle
import androidx.lifecycle.ViewModel
import androidx.lifecycle.viewModelScope
import dev.slipstream.app.Problem
import dev.slipstream.app.Services
import dev.slipstream.app.engine.Drafting
import dev.slipstream.app.engine.Engine
import dev.slipstream.app.engine.EngineInfo
import dev.slipstream.app.engine.EngineState
import dev.slipstream.app.engine.Meter
import dev.slipstream.app.engine.ReplyEnd
import dev.slipstream.app.engine.ReplyProgress
import dev.slipstream.app.engine.ReplyRequest
import dev.slipstream.decode.StopReason
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/** The conversation: what was said, the reply that grows, and what is kept of it when the process dies. */
internal class ChatModel(
    private val services: Services,
    private val saved: SavedStateHandle,
) : ViewModel() {
    /** One at a time and in order: a deletion must not overtake what is written after it. */
    private val storage = services.io.limitedParallelism(1)
    private val drafting = Drafting.valueOf(saved[DRAFTING] ?: Drafting.AUTO.name)
    private val states = MutableStateFlow(ChatState(drafting = drafting, isThinking = saved[THINKING] ?: false))
    private var bundle: EngineInfo? = null

    @Volatile
    private var isStopped = false

    @Volatile
    private var meter: Meter? = null

    @Volatile
    private var reading: ReplyProgress.Reading? = null

    val state: StateFlow<ChatState> = states.asStateFlow()

    init {
        viewModelScope.launch {
            services.host.state
                .filterIsInstance<EngineState.Ready>()
                .collect { begin(it.info) }
        }
    }

    /** Says [text] and lets the model answer; an empty one lets a reply go on that ended in the middle. */
    fun send(text: String) {
        val state = states.value
        if (state.isReplying || state.isFull) return
        if (text.isNotBlank()) {
            ask(state.messages + Message(isUser = true, text), said = text)
        } else if (state.canGoOn) {
            ask(state.messages.dropLast(1), begun = state.messages.last())
        }
    }

    /** Asks for the last reply again. */
    fun retry() {
        val state = states.value
        val asked = state.messages.dropLastWhile { !it.isUser }
        if (!state.isReplying && asked.isNotEmpty()) ask(asked)
    }

    /** Takes the last message of the user and its reply back, for it to be typed anew. */
    fun takeBack() {
        val state = states.value
        val last = state.messages.indexOfLast { it.isUser }
        if (state.isReplying || last < 0) return
        val left = state.messages.take(last)
        states.update {
            it.copy(messages = left, canGoOn = false, isFull = false, takenBack = state.messages[last].text)
        }
        keep()
    }

    /** What was taken back is typed again. */
    fun takenBackShown() {
        states.update { it.copy(takenBack = null) }
    }

    /** Ends the reply after the step it is in; what it has said stays. */
    fun stop() {
        isStopped = true
    }

    fun startAnew(isChat: Boolean = states.value.isChat) {
        if (states.value.isReplying) return
        states.update {
            ChatState(isChat = isChat && bundle?.hasChat != false, drafting = it.drafting, isThinking = it.isThinking)
        }
        viewModelScope.launch(storage) { services.conversations.delete() }
    }

    fun setDrafting(drafting: Drafting) {
        saved[DRAFTING] = drafting.name
        states.update { it.copy(drafting = drafting) }
    }

    fun setThinking(isThinking: Boolean) {
        saved[THINKING] = isThinking
        states.update { it.copy(isThinking = isThinking) }
    }

    private suspend fun begin(info: EngineInfo) {
        if (bundle?.bundleSha256 == info.bundleSha256) return
        bundle = info
        val kept = withContext(storage) { services.conversations.read(info.bundleSha256) }
        val messages = kept?.messages.orEmpty()
        states.update {
            val isThinking = it.isThinking && info.hasThinking
            val canGoOn = kept?.canGoOn == true
            ChatState(messages, kept?.isChat ?: info.hasChat, it.drafting, isThinking, canGoOn = canGoOn)
        }
    }

    /** Lets the model reply to [asked], or go on with the reply that has [begun]. [said] is what was typed for it. */
    private fun ask(
        asked: List<Message>,
        begun: Message? = null,
        said: String? = null,
    ) {
        val before = states.value
        isStopped = false
        meter = null
        reading = null
        states.update {
            it.copy(messages = asked + listOfNotNull(begun), isReplying = true, meter = null, problem = null)
        }
        // A reply goes on as it was opened.
        val isThinking = begun?.isThinking ?: (before.isChat && before.isThinking)
        val messages = (asked + listOfNotNull(begun)).map(Message::said)
        val request = ReplyRequest(messages, before.isChat, isThinking, before.drafting)
        viewModelScope.launch { reply(request, asked, begun, before.copy(takenBack = said)) }
    }

    /** [unsaid] is what is there again where nothing comes of it. */
    private suspend fun reply(
        request: ReplyRequest,
        asked: List<Message>,
        begun: Message?,
        unsaid: ChatState,
    ) {
        val growing = Growing(begun)
        val shower = viewModelScope.launch { showGrowing(growing, asked) }
        try {
            val end = services.host.use { engine, cancelled -> decode(engine, request, growing, cancelled) }
            shower.cancel()
            if (end == null || (end.reason == StopReason.CANCELLED && end.message.tokens?.isEmpty() == true)) {
                takeBack(unsaid, problem = null)
            } else {
                finish(end, asked, growing.message().runs, request.thinking)
            }
        } catch (error: CancellationException) {
            throw error
        } catch (error: Exception) {
            shower.cancel()
            takeBack(unsaid, Problem.of(error))
        }
    }

    private fun decode(
        engine: Engine,
        request: ReplyRequest,
        growing: Growing,
        cancelled: () -> Boolean,
    ): ReplyEnd =
        engine.reply(request, { isStopped || cancelled() }) { progress ->
            when (progress) {
                is ReplyProgress.Reading -> {
                    // One more pass, of the last token alone, is nothing to wait for.
                    reading = progress.takeIf { it.done < it.total - 1 }
                }

                is ReplyProgress.GoingOn -> {
                    growing.cut(progress.thoughtLength, progress.answerLength)
                }

                is ReplyProgress.Said -> {
                    reading = null
                    growing.add(progress.pieces)
                    meter = progress.meter
                }
            }
        }

    /** Some dozen times a second: a small model emits thousands of tokens in that time. */
    private suspend fun showGrowing(
        growing: Growing,
        asked: List<Message>,
    ) {
        while (true) {
            val message = growing.message()
            val shown = if (message.text.isEmpty() && message.thought.isEmpty()) asked else asked + message
            states.update { it.copy(messages = shown, meter = meter, reading = reading) }
            delay(SHOW_MILLIS)
        }
    }

    private fun finish(
        end: ReplyEnd,
        asked: List<Message>,
        runs: List<Run>,
        isThinking: Boolean,
    ) {
        val reply = Message.of(end.message, runs, isThinking)
        states.update {
            it.copy(
                messages = asked + reply,
                isReplying = false,
                reading = null,
                meter = meter,
                canGoOn = end.reason in UNFINISHED,
                isFull = end.reason == StopReason.CACHE_FULL,
            )
        }
        keep()
    }

    private fun takeBack(
        unsaid: ChatState,
        problem: Problem?,
    ) {
        states.update {
            unsaid.copy(drafting = it.drafting, isThinking = it.isThinking, meter = meter, problem = problem)
        }
    }

    private fun keep() {
        val info = bundle ?: return
        val state = states.value
        val conversation = Conversation(info.bundleSha256, state.isChat, state.messages, state.canGoOn)
        viewModelScope.launch(storage) { services.conversations.write(conversation) }
    }

    private companion object {
        const val DRAFTING = "drafting"
        const val THINKING = "thinking"
        const val SHOW_MILLIS = 40L
        val UNFINISHED = setOf(StopReason.MAX_NEW_TOKENS, StopReason.CANCELLED)
    }
}
