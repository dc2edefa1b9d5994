package dev.slipstream

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.chat.MODEL
import dev.slipstream.chat.Message
import dev.slipstream.chat.SYSTEM
import dev.slipstream.chat.USER
import dev.slipstream.errors.UsageException
import dev.slipstream.json.JsonException
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson

/**
 * A chat between two replies, to be kept where the process may end: [toJson] is a text to write down, [parse] reads it
 * again, [Slipstream.chat] goes on with it. [turns] are as [Chat.turns]; [bundleSha256] tells which bundle it was held with.
 */
public class ChatSnapshot internal constructor(
    public val bundleSha256: String,
    internal val state: ChatState,
) {
    public val turns: List<ChatTurn> get() = state.turns
    public val canGoOn: Boolean get() = state.canGoOn

    /** Whether it is of a [Slipstream.plainChat]. */
    public val isPlain: Boolean get() = state.isPlain

    /** What the model is told before anything is said; null is nothing. */
    public val system: String? get() = state.messages.firstOrNull { it.role == SYSTEM }?.content

    /** The same chat with another [system] text. UsageException for one of a [Slipstream.plainChat], which has none. */
    public fun withSystem(system: String?): ChatSnapshot {
        if (state.isPlain && system != null) {
            throw UsageException(
                "A plain text has no system turn",
                expected = "no system text",
                found = "one of ${system.length} characters",
                where = "a snapshot of a plain chat",
                action = "Put it at the text's beginning.",
            )
        }
        val said = state.messages.filter { it.role != SYSTEM }
        return ChatSnapshot(
            bundleSha256,
            state.copy(
                messages =
                    listOfNotNull(system?.let { Message(SYSTEM, it) }) + said,
            ),
        )
    }

    /**
     * The same chat with [turns] in the place of its own. Those at its beginning that are equal stay what they are; from the
     * first on that differs the model reads the texts anew. A reply at the end can go on, unless it thought: where in its
     * thought it was, no text tells.
     */
    public fun withTurns(turns: List<ChatTurn>): ChatSnapshot {
        if (turns == this.turns) return this
        val (system, said) = state.messages.partition { it.role == SYSTEM }
        val equal = turns.zip(this.turns).takeWhile { (new, old) -> new == old }.size
        val messages = system + said.take(equal) + turns.drop(equal).map(::message)
        val last = turns.lastOrNull()
        val canGoOn = equal < turns.size && last?.role == ChatTurn.Role.MODEL && last.thought.isEmpty()
        return ChatSnapshot(bundleSha256, ChatState(state.isPlain, messages, canGoOn = canGoOn))
    }

    /** On one line. Later versions of this library read it too. */
    public fun toJson(): String =
        json(
            mapOf(
                "format" to FORMAT,
                "version" to VERSION,
                "bundle_sha256" to bundleSha256,
                "is_plain" to state.isPlain,
                "is_thinking" to state.isThinking,
                "can_go_on" to state.canGoOn,
                "is_full" to state.isFull,
                "messages" to state.messages.map(::fields),
            ),
        )

    public companion object {
        private const val FORMAT = "slipstream-chat"
        private const val VERSION = 1

        /** UsageException where [json] is none that [toJson] wrote. */
        public fun parse(json: String): ChatSnapshot =
            try {
                read(typed(parseStrictJson(json)))
            } catch (error: JsonException) {
                throw UsageException(
                    "This is no snapshot of a chat",
                    expected = "the JSON that ChatSnapshot.toJson wrote",
                    found = error.message.orEmpty(),
                    where = "a text of ${json.length} characters",
                    action = "Begin a new chat.",
                )
            }

        private fun read(fields: Map<*, *>): ChatSnapshot {
            if (fields["format"] != FORMAT || int(fields["version"]) != VERSION) {
                throw JsonException("format ${fields["format"]}, version ${fields["version"]}")
            }
            val state =
                ChatState(
                    typed(fields["is_plain"]),
                    typed<List<*>>(fields["messages"]).map { message(typed<Map<*, *>>(it)) },
                    typed(fields["is_thinking"]),
                    typed(fields["can_go_on"]),
                    typed(fields["is_full"]),
                )
            return ChatSnapshot(typed(fields["bundle_sha256"]), state)
        }
    }
}

private fun fields(message: Message): Map<String, Any?> {
    val tokens = message.tokens
    return mapOf(
        "role" to message.role,
        "content" to message.content,
        "thought" to message.thought,
        "tokens" to tokens,
        // Null too where no token parts the answer from the thought.
        "answer_begin" to message.answerTokens?.let { (tokens?.size ?: 0) - it.size },
    )
}

private fun message(turn: ChatTurn) =
    Message(if (turn.role == ChatTurn.Role.MODEL) MODEL else USER, turn.text, turn.thought)

private fun message(fields: Map<*, *>): Message {
    val role = typed<String>(fields["role"])
    if (role !in setOf(SYSTEM, USER, MODEL)) throw JsonException("no role: $role")
    val tokens = fields["tokens"]?.let { list -> typed<List<*>>(list).map(::int) }
    val begin = fields["answer_begin"]?.let(::int)
    val count = tokens?.size ?: 0
    if (begin != null && begin !in 0..count) throw JsonException("answer_begin $begin of $count tokens")
    val answer = begin?.let { tokens.orEmpty().drop(it).toIntList() }
    return Message(role, typed(fields["content"]), typed(fields["thought"]), tokens?.toIntList(), answer)
}

private fun List<Int>.toIntList(): IntList = MutableIntList(size).also { list -> forEach { list.add(it) } }

private fun int(raw: Any?): Int = typed<JsonNumber>(raw).toIntOrNull() ?: throw JsonException("no integer: $raw")

private inline fun <reified T> typed(raw: Any?): T = raw as? T ?: throw JsonException("no ${T::class.simpleName}: $raw")
