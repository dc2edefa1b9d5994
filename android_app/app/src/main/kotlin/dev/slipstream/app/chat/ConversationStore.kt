package dev.slipstream.app.chat

import dev.slipstream.json.JsonException
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson
import java.io.File
import java.nio.file.Files
import java.nio.file.StandardCopyOption

/** The one conversation, in [file]: a saved instance state is too small for it. */
internal class ConversationStore(
    private val file: File,
) {
    fun write(conversation: Conversation) {
        val fields =
            mapOf(
                "bundle_sha256" to conversation.bundleSha256,
                "is_chat" to conversation.isChat,
                "messages" to conversation.messages.map(::fields),
                "can_go_on" to conversation.canGoOn,
            )
        val part = File(file.path + ".part")
        file.parentFile?.mkdirs()
        part.writeText(json(fields))
        val options = arrayOf(StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING)
        Files.move(part.toPath(), file.toPath(), *options)
    }

    /** Null where there is none that can be read, or where it was held with another bundle. */
    fun read(bundleSha256: String): Conversation? {
        if (!file.isFile) return null
        return try {
            conversation(parseStrictJson(file.readText())).takeIf { it.bundleSha256 == bundleSha256 }
        } catch (_: JsonException) {
            null
        }
    }

    fun delete() {
        file.delete()
    }

    private fun fields(message: Message) =
        mapOf(
            "is_user" to message.isUser,
            "text" to message.text,
            "thought" to message.thought,
            "tokens" to message.tokens,
            "answer_begin" to message.answerBegin,
            "is_thinking" to message.isThinking,
            "runs" to message.runs.map { listOf(it.end, it.tokens, if (it.accepted) 1 else 0) },
        )

    private fun conversation(raw: Any?): Conversation {
        val fields = typed<Map<*, *>>(raw)
        return Conversation(
            typed(fields["bundle_sha256"]),
            typed(fields["is_chat"]),
            typed<List<*>>(fields["messages"]).map(::message),
            typed(fields["can_go_on"]),
        )
    }

    private fun message(raw: Any?): Message {
        val fields = typed<Map<*, *>>(raw)
        val runs =
            typed<List<*>>(fields["runs"]).map { run ->
                val numbers = typed<List<*>>(run).map(::int)
                if (numbers.size != RUN_SIZE) throw JsonException("no run: $run")
                Run(numbers[0], numbers[1], numbers[2] == 1)
            }
        return Message(
            typed(fields["is_user"]),
            typed(fields["text"]),
            runs,
            typed(fields["thought"]),
            typed<List<*>>(fields["tokens"]).map(::int),
            fields["answer_begin"]?.let(::int),
            typed(fields["is_thinking"]),
        )
    }

    private fun int(raw: Any?): Int = typed<JsonNumber>(raw).toIntOrNull() ?: throw JsonException("no integer: $raw")

    private inline fun <reified T> typed(raw: Any?): T = raw as? T ?: throw JsonException("no ${T::class}: $raw")

    private companion object {
        const val RUN_SIZE = 3
    }
}
