package dev.slipstream.app.chat

import dev.slipstream.ReplyEvent
import dev.slipstream.app.Problem
import dev.slipstream.app.Services
import dev.slipstream.app.engine.EngineState
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.last
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/** Replies as they come: shown in [states] and stored by [keeper] while they grow, and when they end. */
internal class Replies(
    private val services: Services,
    private val states: MutableStateFlow<ChatState>,
    private val keeper: Keeper,
) {
    /** Whether anything came of it; where not, the state stays for the caller to put back. */
    suspend fun reply(question: Question): Boolean =
        coroutineScope {
            val id = states.value.conversation ?: 0
            val incoming = Incoming(question.begun)
            if (question.said != null) keepSaid(question)
            val watching =
                listOf(
                    launch { showGrowing(incoming, question.asked) },
                    launch(services.io) { keeper.keepGrowing(id, question.asked.size, incoming) },
                )
            val end =
                try {
                    withContext(services.io) {
                        question
                            .ask(question.chat)
                            .onEach(incoming::add)
                            .last()
                    }
                } catch (error: CancellationException) {
                    throw error
                } catch (error: Exception) {
                    // That memory ran low is said elsewhere.
                    val problem = Problem.of(error).takeIf { services.host.state.value is EngineState.Ready }
                    states.update { it.copy(problem = problem) }
                    null
                } finally {
                    watching.forEach { it.cancel() }
                }
            if (end is ReplyEvent.End) finish(question, end, incoming)
            end is ReplyEvent.End
        }

    /** Some dozen times a second: a small model emits thousands of tokens in that time. */
    private suspend fun showGrowing(
        incoming: Incoming,
        asked: List<Message>,
    ) {
        while (true) {
            val shown = asked + listOfNotNull(incoming.message())
            states.update { it.copy(messages = shown, meter = incoming.figures, reading = incoming.reading) }
            delay(SHOW_MILLIS)
        }
    }

    private fun finish(
        question: Question,
        end: ReplyEvent.End,
        incoming: Incoming,
    ) {
        states.update {
            it.copy(
                messages = question.asked + message(end.reply, incoming.growing.message().runs),
                isReplying = false,
                reading = null,
                meter = end.figures,
                canGoOn = question.chat.canGoOn,
                forgotten = question.forgotten + incoming.trimmed,
                usedTokens = end.figures.promptTokens + end.figures.tokens,
            )
        }
        keeper.keep(states, question.chat, from = question.asked.lastIndex)
    }

    /** The message is stored before the model answers it; nothing of it is a draft any more. */
    private fun keepSaid(question: Question) {
        keeper.keep(states, question.chat, from = question.asked.lastIndex)
        states.value.conversation?.let { keeper.keepDraft(it, "") }
        keeper.flush()
    }

    private companion object {
        const val SHOW_MILLIS = 40L
    }
}
