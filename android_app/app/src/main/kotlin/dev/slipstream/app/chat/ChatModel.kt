package dev.slipstream.app.chat

import androidx.lifecycle.SavedStateHandle
import androidx.lifecycle.ViewModel
import androidx.lifecycle.viewModelScope
import dev.slipstream.Chat
import dev.slipstream.Drafting
import dev.slipstream.ReplyEvent
import dev.slipstream.ReplyFigures
import dev.slipstream.ReplyOptions
import dev.slipstream.Slipstream
import dev.slipstream.app.Problem
import dev.slipstream.app.Services
import dev.slipstream.app.engine.EngineState
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.last
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.io.IOException

/** The conversation: what was said, the reply that grows, and what is kept of it when the process dies. */
internal class ChatModel(
    private val services: Services,
    private val saved: SavedStateHandle,
) : ViewModel() {
    /** One at a time and in order: a deletion must not overtake what is written after it. */
    private val storage = services.io.limitedParallelism(1)
    private val drafting = Drafting.valueOf(saved[DRAFTING] ?: Drafting.AUTO.name)
    private val states = MutableStateFlow(ChatState(drafting = drafting, isThinking = saved[THINKING] ?: false))
    private var model: Slipstream? = null
    private var chat: Chat? = null

    @Volatile
    private var meter: ReplyFigures? = null

    @Volatile
    private var reading: ReplyEvent.Prefill? = null

    val state: StateFlow<ChatState> = states.asStateFlow()

    init {
        viewModelScope.launch {
            services.host.state
                .filterIsInstance<EngineState.Ready>()
                .collect { begin(it.model) }
        }
    }

    /** Says [text] and lets the model answer; an empty one lets a reply go on that ended in the middle. */
    fun send(text: String) {
        val state = states.value
        val chat = chat ?: return
        if (state.isReplying || state.isFull) return
        if (text.isNotBlank()) {
            ask(chat, chat.send(text, options()), state.messages + Message(isUser = true, text), said = text)
        } else if (state.canGoOn) {
            ask(chat, chat.goOn(options()), state.messages.dropLast(1), begun = state.messages.last())
        }
    }

    /** Asks for the last reply again. */
    fun retry() {
        val state = states.value
        val chat = chat ?: return
        val asked = state.messages.dropLastWhile { !it.isUser }
        if (!state.isReplying && asked.isNotEmpty()) ask(chat, chat.regenerate(options()), asked)
    }

    /** Takes the last message of the user and its reply back, for it to be typed anew. */
    fun takeBack() {
        val state = states.value
        val chat = chat ?: return
        val last = state.messages.indexOfLast { it.isUser }
        if (state.isReplying || last < 0) return
        viewModelScope.launch {
            val text = chat.rewind()
            val left = state.messages.take(last)
            states.update { it.copy(messages = left, canGoOn = false, isFull = false, takenBack = text) }
            keep(chat)
        }
    }

    /** What was taken back is typed again. */
    fun takenBackShown() {
        states.update { it.copy(takenBack = null) }
    }

    /** Ends the reply after the step it is in; what it has said stays. */
    fun stop() {
        chat?.stop()
    }

    /** Nobody is there to read on; what was said is kept. */
    override fun onCleared() = stop()

    fun startAnew(isChat: Boolean = states.value.isChat) {
        val model = model ?: return
        if (states.value.isReplying) return
        val begun = newChat(model, isChat)
        states.update {
            ChatState(isChat = !begun.snapshot().isPlain, drafting = it.drafting, isThinking = it.isThinking)
        }
        chat = begun
        services.scope.launch(storage) { services.conversations.delete() }
    }

    fun setDrafting(drafting: Drafting) {
        saved[DRAFTING] = drafting.name
        states.update { it.copy(drafting = drafting) }
    }

    fun setThinking(isThinking: Boolean) {
        saved[THINKING] = isThinking
        states.update { it.copy(isThinking = isThinking) }
    }

    private fun newChat(
        model: Slipstream,
        isChat: Boolean,
    ) = if (isChat && model.info.hasChat) model.chat() else model.plainChat()

    private suspend fun begin(model: Slipstream) {
        val sha256 = model.info.bundleSha256
        val before = chat.takeIf { this.model?.info?.bundleSha256 == sha256 }
        this.model = model
        if (before != null) {
            // Memory had run low: the same chat goes on.
            chat = model.chat(before.snapshot())
            return
        }
        val kept = withContext(storage) { services.conversations.read(sha256) }
        val begun = kept?.let { model.chat(it.chat) } ?: newChat(model, isChat = true)
        chat = begun
        states.update {
            ChatState(
                kept?.messages.orEmpty(),
                isChat = !begun.snapshot().isPlain,
                it.drafting,
                it.isThinking && model.info.hasThinking,
                canGoOn = begun.canGoOn,
                isFull = begun.isFull,
            )
        }
    }

    private fun options(): ReplyOptions {
        val state = states.value
        return ReplyOptions(thinking = state.isChat && state.isThinking, drafting = state.drafting)
    }

    /** Shows [events] behind [asked], as what the reply that has [begun] becomes. [said] is what was typed for it. */
    private fun ask(
        chat: Chat,
        events: Flow<ReplyEvent>,
        asked: List<Message>,
        begun: Message? = null,
        said: String? = null,
    ) {
        val before = states.value
        meter = null
        reading = null
        states.update {
            it.copy(messages = asked + listOfNotNull(begun), isReplying = true, meter = null, problem = null)
        }
        // Not the window's scope: what was said is kept when it closes.
        services.scope.launch { reply(chat, events, asked, Growing(begun), before.copy(takenBack = said)) }
    }

    /** [unsaid] is what is there again where nothing comes of it. */
    private suspend fun reply(
        chat: Chat,
        events: Flow<ReplyEvent>,
        asked: List<Message>,
        growing: Growing,
        unsaid: ChatState,
    ) {
        val shower = viewModelScope.launch { showGrowing(growing, asked) }
        try {
            val last = withContext(services.io) { events.onEach { add(it, growing) }.last() }
            shower.cancel()
            if (last is ReplyEvent.End) finish(chat, last, asked, growing) else takeBack(unsaid, problem = null)
        } catch (error: CancellationException) {
            throw error
        } catch (error: Exception) {
            shower.cancel()
            // That memory ran low is said elsewhere.
            takeBack(unsaid, Problem.of(error).takeIf { services.host.state.value is EngineState.Ready })
        }
    }

    private fun add(
        event: ReplyEvent,
        growing: Growing,
    ) {
        // One more pass, of the last token alone, is nothing to wait for.
        reading = (event as? ReplyEvent.Prefill)?.takeIf { it.done < it.total - 1 }
        when (event) {
            is ReplyEvent.Resumed -> growing.cut(event.thought.length, event.text.length)
            is ReplyEvent.Thought -> growing.add(event)
            is ReplyEvent.Text -> growing.add(event)
            is ReplyEvent.Round -> meter = event.figures
            else -> Unit
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
        chat: Chat,
        end: ReplyEvent.End,
        asked: List<Message>,
        growing: Growing,
    ) {
        states.update {
            it.copy(
                messages = asked + message(end.reply, growing.message().runs),
                isReplying = false,
                reading = null,
                meter = end.figures,
                canGoOn = chat.canGoOn,
                isFull = chat.isFull,
            )
        }
        keep(chat)
    }

    private fun takeBack(
        unsaid: ChatState,
        problem: Problem?,
    ) {
        states.update {
            unsaid.copy(drafting = it.drafting, isThinking = it.isThinking, meter = meter, problem = problem)
        }
    }

    /** A full disk takes nothing back that was said: it is told, and the old conversation stays in the file. */
    private fun keep(chat: Chat) {
        val conversation = Conversation(chat.snapshot(), states.value.messages.map { it.runs })
        services.scope.launch(storage) {
            try {
                services.conversations.write(conversation)
            } catch (error: IOException) {
                states.update { it.copy(problem = Problem.of(error)) }
            }
        }
    }

    private companion object {
        const val DRAFTING = "drafting"
        const val THINKING = "thinking"
        const val SHOW_MILLIS = 40L
    }
}
