package dev.slipstream.chat

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.bundle.Tokens
import dev.slipstream.bundle.readChatFormat
import dev.slipstream.errors.SlipstreamException
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson
import dev.slipstream.tokenizer.BundleTokenizer
import dev.slipstream.tokenizer.Tokenizer
import java.io.File

/**
 * Conversations and replies over a real tokenizer.json, a JSON object a line on stdin, each answered with one. Driven by
 * tests/android/test_chat.py.
 *
 * `{"tokenizer", "format", "bos", "pad", "stop", "vocab_size", "context_length"}`: what the lines behind it are about;
 * answered with the control tokens. `{"messages", "system", "thinking"}`, messages as `--messages` reads them: the
 * context's ids and text, or the error. `{"turns", "thinking"}`: the context's ids behind replies that are given as
 * tokens. `{"reply", "thinking"}`: what the tokens say, as they come and as a message.
 */
internal fun main() {
    val chats = Chats()
    generateSequence(::readlnOrNull).forEach { line ->
        @Suppress("UNCHECKED_CAST")
        println(json(chats.answer(parseStrictJson(line) as Map<String, Any?>)))
    }
}

private class Chats {
    private lateinit var chat: Chat

    fun answer(task: Map<String, Any?>): Map<String, Any?> =
        try {
            when {
                "tokenizer" in task -> open(task)
                "messages" in task -> context(task)
                "turns" in task -> mapOf("ids" to chat.context(turns(task), isThinking(task)))
                else -> reply(ints(task["reply"]), isThinking(task))
            }
        } catch (error: SlipstreamException) {
            mapOf(
                "title" to error.title,
                "expected" to error.expected,
                "found" to error.found,
                "where" to error.where,
                "action" to error.action,
            )
        }

    private fun open(task: Map<String, Any?>): Map<String, Any?> {
        val path = task["tokenizer"] as String
        val tokenizer = File(path).inputStream().use { Tokenizer.read(it, path) }
        val stop = ints(task["stop"])
        val tokens = Tokens(int(task["bos"]), int(task["pad"]), List(stop.size) { stop[it] })
        val format = readChatFormat(task["format"])
        val control = ControlTokens(format, tokens, tokenizer)
        val bounded = BundleTokenizer(tokenizer, int(task["vocab_size"]), int(task["context_length"]), path)
        chat = Chat(format, control, tokens, bounded)
        val flags = control.byText.mapValues { (_, token) -> listOf(token.id, token.leftStrip, token.rightStrip) }
        return mapOf("control" to flags)
    }

    private fun context(task: Map<String, Any?>): Map<String, Any?> {
        val given = readMessages(task["messages"] as String, "--messages", chat.format)
        val messages = withSystem(given, task["system"] as String?)
        val ids = chat.context(messages, isThinking(task))
        return mapOf("ids" to ids, "text" to chat.text(messages, isThinking(task)))
    }

    private fun turns(task: Map<String, Any?>): List<Message> =
        (task["turns"] as List<*>).map { turn ->
            if (turn is String) Message(USER, turn) else chat.message(ints(turn), isThinking(task))
        }

    private fun reply(
        tokens: IntList,
        thinking: Boolean,
    ): Map<String, Any?> {
        val splitter = chat.splitter(thinking)
        val said = List(tokens.size) { splitter.append(tokens[it]) } + listOf(splitter.finish())
        val message = chat.message(tokens, thinking)
        return mapOf(
            "said" to said.map { pieces -> pieces.map { listOf(it.channel.name.lowercase(), it.text) } },
            "thought" to message.thought,
            "content" to message.content,
            "tokens" to message.tokens,
            "answer_tokens" to message.answerTokens,
        )
    }
}

private fun isThinking(task: Map<String, Any?>): Boolean = task["thinking"] as Boolean

private fun int(raw: Any?): Int = checkNotNull((raw as JsonNumber).toIntOrNull())

private fun ints(raw: Any?): IntList = MutableIntList().also { list -> (raw as List<*>).forEach { list.add(int(it)) } }
