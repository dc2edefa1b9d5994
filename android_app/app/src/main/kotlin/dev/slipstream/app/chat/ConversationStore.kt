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
                "tokens" to conversation.tokens,
                "messages" to conversation.messages.map(::fields),
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
        } catch (_: ClassCastException) {
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
            "runs" to message.runs.map { listOf(it.end, it.tokens, if (it.accepted) 1 else 0) },
        )

    private fun conversation(raw: Any?): Conversation {
        val fields = raw as Map<*, *>
        return Conversation(
            fields["bundle_sha256"] as String,
            fields["is_chat"] as Boolean,
            (fields["tokens"] as List<*>).map(::int),
            (fields["messages"] as List<*>).map(::message),
        )
    }

    private fun message(raw: Any?): Message {
        val fields = raw as Map<*, *>
        val runs =
            (fields["runs"] as List<*>).map { run ->
                val (end, tokens, accepted) = (run as List<*>).map(::int)
                Run(end, tokens, accepted == 1)
            }
        return Message(fields["is_user"] as Boolean, fields["text"] as String, runs)
    }

    private fun int(raw: Any?): Int = (raw as JsonNumber).toIntOrNull() ?: throw JsonException("no integer: $raw")
}
