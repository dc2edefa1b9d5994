package dev.slipstream.app.chat

import dev.slipstream.Chat
import dev.slipstream.ReplyOptions
import dev.slipstream.Slipstream
import dev.slipstream.app.Problem
import dev.slipstream.app.Services
import dev.slipstream.app.Work
import dev.slipstream.app.engine.EngineState
import dev.slipstream.app.history.ChatSettings
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch

/**
 * The conversation that is open: what was said, the reply that grows, and what is stored of both as they come. It lives as
 * long as the process: a reply goes on whether or not a window shows it. Called in the main thread.
 */
internal class ChatModel(
    private val services: Services,
) {
    private val states = MutableStateFlow(ChatState())
    private val keeper =
        Keeper(services.conversations, services.scope, services.io) { error ->
            states.update { it.copy(problem = Problem.of(error), isUnsaved = true) }
        }
    private val replies = Replies(services, states, keeper)
    private var model: Slipstream? = null
    private var chat: Chat? = null
    private var replying: Job? = null

    val state: StateFlow<ChatState> = states.asStateFlow()

    init {
        services.scope.launch {
            services.host.state
                .filterIsInstance<EngineState.Ready>()
                .collect { begin(it.model) }
        }
    }

    /** Says [text] and lets the model answer; an empty one lets a reply go on that ended in the middle. */
    fun send(text: String) {
        val state = states.value
        val chat = chat ?: return
        if (text.isBlank()) return goOn()
        val asked = state.messages + Message(isUser = true, text)
        ask(Question(current(chat), { it.send(text, options()) }, asked, said = text, forgotten = state.forgotten))
    }

    /** Lets the last reply go on where it ended in the middle. */
    fun goOn() {
        val state = states.value
        val chat = chat ?: return
        if (!state.canGoOn) return
        val (asked, begun) = state.messages.dropLast(1) to state.messages.last()
        ask(Question(current(chat), { it.goOn(options()) }, asked, begun, forgotten = state.forgotten))
    }

    /** Asks for the last reply again. */
    fun regenerate() {
        val state = states.value
        val chat = chat ?: return
        val asked = state.messages.dropLastWhile { !it.isUser }
        if (asked.isEmpty() || asked.size == state.messages.size) return
        ask(Question(current(chat), { it.regenerate(options()) }, asked, forgotten = state.forgotten))
    }

    /**
     * Says [text] in the place of the user's message [index] of [ChatState.messages]; what was said from there on is gone
     * when the reply has begun. One that had left the context brings what stood before it back.
     */
    fun edit(
        index: Int,
        text: String,
    ) {
        val state = states.value
        val model = model ?: return
        val chat = chat ?: return
        if (state.messages.getOrNull(index)?.isUser != true || text.isBlank()) return
        val forgotten = if (index < state.forgotten) 0 else state.forgotten
        val before = state.messages.take(index)
        val shorter = model.chat(current(chat).snapshot().withTurns(before.drop(forgotten).map(::turn)))
        val asked = before + Message(isUser = true, text)
        ask(Question(shorter, { it.send(text, options()) }, asked, said = text, forgotten = forgotten))
    }

    /** Takes the last message of the user and its reply back, for it to be typed anew. */
    fun takeBack() {
        val state = states.value
        val model = model ?: return
        val chat = chat ?: return
        val last = state.messages.indexOfLast { it.isUser }
        if (state.isReplying || last < state.forgotten) return
        val left = state.messages.take(last)
        val shorter = model.chat(current(chat).snapshot().withTurns(left.drop(state.forgotten).map(::turn)))
        this.chat = shorter
        states.update { it.copy(messages = left, canGoOn = false, takenBack = state.messages[last].text) }
        keeper.keep(states, shorter, from = last)
    }

    /** What was taken back is typed again. */
    fun takenBackShown() = states.update { it.copy(takenBack = null) }

    /** What is being typed: it is there again when the process was ended. */
    fun setDraft(text: String) {
        states.value.conversation?.let { keeper.keepDraft(it, text) }
    }

    /** Ends the reply after the step it is in; what it has said stays. */
    fun stop() {
        chat?.stop()
    }

    /** A new conversation, held as this one is but for the system's text and what the bundle says. */
    fun startAnew(isChat: Boolean = states.value.isChat) {
        val settings = states.value.settings
        if (states.value.isReplying) return
        val kept = with(settings) { ChatSettings(isThinking = isThinking, drafting = drafting) }
        val shown = kept.copy(showsOrigins = settings.showsOrigins, showsFigures = settings.showsFigures)
        open { it.create(shown, isPlain = !isChat) }
    }

    /** Goes on with the conversation [id]; a reply that is being decoded in another ends. */
    fun open(id: Long) {
        if (id != states.value.conversation) open { it.open(id) }
    }

    /** To be told when the conversation [id] was deleted: another one is open then. */
    fun leave(id: Long) {
        if (id == states.value.conversation) open { it.latest() ?: it.create(ChatSettings(), isPlain = false) }
    }

    fun setSettings(settings: ChatSettings) {
        val id = states.value.conversation ?: return
        states.update { it.copy(settings = settings) }
        keeper.add { it.keepSettings(id, settings) }
    }

    /** Stores once more what the disk did not take. */
    fun keepAgain() {
        val chat = chat ?: return
        keeper.add { store ->
            val isNew = states.value.conversation == 0L
            val id = if (isNew) store.create(states.value.settings, !states.value.isChat).id else null
            states.update { it.copy(conversation = id ?: it.conversation, problem = null, isUnsaved = false) }
            keeper.keep(states, chat, from = 0)
        }
    }

    private fun open(find: suspend (ConversationStore) -> Conversation?) {
        services.scope.launch {
            stop()
            replying?.join()
            keeper.flush()
            keeper.add { store -> find(store)?.let(::show) }
        }
    }

    private fun begin(model: Slipstream) {
        val before = chat?.snapshot()
        this.model = model
        if (before != null && (before.isPlain || model.info.hasChat)) {
            // Memory had run low, or another bundle was chosen: the same chat goes on.
            chat = model.chat(if (model.info.hasSystem) before else before.withSystem(null))
            states.update { it.copy(canGoOn = chat?.canGoOn == true) }
            return
        }
        keeper.add { store ->
            try {
                val latest = store.latest()?.takeIf { it.isPlain || model.info.hasChat }
                show(latest ?: store.create(ChatSettings(), isPlain = !model.info.hasChat))
            } finally {
                // The disk fails: what is said meanwhile is in memory alone.
                if (chat == null) show(Conversation(id = 0, isPlain = !model.info.hasChat))
            }
        }
    }

    private fun show(stored: Conversation) {
        val model = model ?: return
        val fresh = if (stored.isPlain || !model.info.hasChat) model.plainChat() else model.chat()
        // The process ended before the model said anything: it is to be typed again.
        val unanswered = stored.messages.lastOrNull()?.takeIf { it.isUser }
        val said = if (unanswered == null) stored.messages else stored.messages.dropLast(1)
        val chat = model.chat(stored.copy(messages = said).resumed(fresh.snapshot()))
        this.chat = chat
        states.value =
            ChatState(
                said,
                isChat = !stored.isPlain && model.info.hasChat,
                settings = stored.settings,
                canGoOn = chat.canGoOn,
                conversation = stored.id,
                draft = listOfNotNull(unanswered?.text, stored.draft.ifEmpty { null }).joinToString("\n"),
                forgotten = stored.forgotten,
                usedTokens = stored.usedTokens,
            )
        if (unanswered != null) {
            keeper.keep(states, chat, from = said.size)
            setDraft(states.value.draft)
        }
    }

    /** [chat], told the system's text of the settings. */
    private fun current(chat: Chat): Chat {
        val model = model ?: return chat
        val snapshot = chat.snapshot()
        val system =
            states.value.settings.system
                .ifBlank { null }
                .takeIf { model.info.hasSystem && !snapshot.isPlain }
        return if (snapshot.system == system) chat else model.chat(snapshot.withSystem(system))
    }

    private fun options(): ReplyOptions {
        val state = states.value
        val info = model?.info
        return state.settings.options(state.isThinking && info?.hasThinking == true, info)
    }

    private fun ask(question: Question) {
        val before = states.value
        val chatBefore = chat
        if (before.isReplying) return
        chat = question.chat
        states.update {
            it.copy(
                messages = question.asked + listOfNotNull(question.begun),
                isReplying = true,
                meter = null,
                problem = null,
                forgotten = question.forgotten,
            )
        }
        replying =
            services.scope.launch {
                services.works.during(Work.Kind.REPLY, ::stop) {
                    if (!replies.reply(question)) {
                        // Not where another model was loaded meanwhile.
                        if (chat === question.chat) chat = chatBefore
                        takeBack(question, before)
                    }
                }
            }
    }

    private fun takeBack(
        question: Question,
        before: ChatState,
    ) {
        states.update {
            before.copy(settings = it.settings, meter = it.meter, problem = it.problem, takenBack = question.said)
        }
        chat?.let { keeper.keep(states, it, from = minOf(question.asked.lastIndex, before.messages.size)) }
        question.said?.let(::setDraft)
        keeper.flush()
    }
}
