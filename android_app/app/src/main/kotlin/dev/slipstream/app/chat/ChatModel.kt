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
import dev.slipstream.app.engine.ReplyRequest
import dev.slipstream.decode.StopReason
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Job
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
    private val states = MutableStateFlow(ChatState(drafting = drafting))
    private var bundle: EngineInfo? = null
    private var tokens = emptyList<Int>()

    @Volatile
    private var isStopped = false

    @Volatile
    private var meter: Meter? = null

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
        if (state.isReplying || state.isFull || (text.isBlank() && !state.canGoOn)) return
        isStopped = false
        meter = null
        val before = if (text.isBlank()) state.messages else state.messages + Message(isUser = true, text)
        states.update { it.copy(messages = before, isReplying = true, meter = null, problem = null) }
        val request = ReplyRequest(tokens, text.ifBlank { "" }, state.isChat, state.drafting)
        viewModelScope.launch { reply(request, before, state.messages) }
    }

    /** Ends the reply after the step it is in; what it has said stays. */
    fun stop() {
        isStopped = true
    }

    fun startAnew(isChat: Boolean = states.value.isChat) {
        if (states.value.isReplying) return
        tokens = emptyList()
        states.update { ChatState(isChat = isChat && bundle?.hasChat != false, drafting = it.drafting) }
        viewModelScope.launch(storage) { services.conversations.delete() }
    }

    fun setDrafting(drafting: Drafting) {
        saved[DRAFTING] = drafting.name
        states.update { it.copy(drafting = drafting) }
    }

    private suspend fun begin(info: EngineInfo) {
        if (bundle?.bundleSha256 == info.bundleSha256) return
        bundle = info
        val kept = withContext(storage) { services.conversations.read(info.bundleSha256) }
        tokens = kept?.tokens.orEmpty()
        val messages = kept?.messages.orEmpty()
        states.update {
            ChatState(messages, kept?.isChat ?: info.hasChat, it.drafting, canGoOn = kept?.canGoOn == true)
        }
    }

    private suspend fun reply(
        request: ReplyRequest,
        before: List<Message>,
        unsaid: List<Message>,
    ) {
        val growing = Growing()
        val shower = viewModelScope.launch { showGrowing(growing, before) }
        try {
            val end = services.host.use { engine, cancelled -> decode(engine, request, growing, cancelled) }
            finish(end, shower, before, growing)
        } catch (error: CancellationException) {
            throw error
        } catch (error: Exception) {
            shower.cancel()
            states.update { it.copy(messages = unsaid, isReplying = false, problem = Problem.of(error)) }
        }
    }

    private fun decode(
        engine: Engine,
        request: ReplyRequest,
        growing: Growing,
        cancelled: () -> Boolean,
    ): ReplyEnd =
        engine.reply(request, { isStopped || cancelled() }) { progress ->
            growing.add(progress.pieces)
            meter = progress.meter
        }

    /** Some dozen times a second: a small model emits thousands of tokens in that time. */
    private suspend fun showGrowing(
        growing: Growing,
        before: List<Message>,
    ) {
        while (true) {
            val message = growing.message()
            if (message.text.isNotEmpty()) states.update { it.copy(messages = before + message, meter = meter) }
            delay(SHOW_MILLIS)
        }
    }

    private suspend fun finish(
        end: ReplyEnd?,
        shower: Job,
        before: List<Message>,
        growing: Growing,
    ) {
        shower.cancel()
        tokens = end?.tokens ?: tokens
        val said = growing.message()
        val messages = if (said.text.isEmpty()) before else before + said
        val isFull = end?.reason == StopReason.CACHE_FULL
        val canGoOn = tokens.isNotEmpty() && (end == null || end.reason in UNFINISHED)
        states.update {
            it.copy(messages = messages, isReplying = false, meter = meter, canGoOn = canGoOn, isFull = isFull)
        }
        val info = bundle ?: return
        val conversation = Conversation(info.bundleSha256, states.value.isChat, tokens, messages, canGoOn)
        withContext(storage) { services.conversations.write(conversation) }
    }

    private companion object {
        const val DRAFTING = "drafting"
        const val SHOW_MILLIS = 40L
        val UNFINISHED = setOf(StopReason.MAX_NEW_TOKENS, StopReason.CANCELLED)
    }
}
