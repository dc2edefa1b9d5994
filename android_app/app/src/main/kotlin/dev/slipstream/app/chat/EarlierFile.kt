package dev.slipstream.app.chat

import dev.slipstream.ChatSnapshot
import dev.slipstream.errors.UsageException
import dev.slipstream.json.JsonException
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson
import java.io.File
import java.io.IOException

/**
 * The one conversation that earlier versions of the app kept, in [file]: to be read once, and then removed. Of three
 * formats: the library's snapshot with the runs; before that messages with their tokens; first of all one list of tokens.
 */
internal class EarlierFile(
    private val file: File,
) {
    /** Null where there is none that can be read. One that can't be read is left where it is. */
    fun read(): Conversation? {
        if (!file.isFile) return null
        return try {
            val fields = typed<Map<*, *>>(parseStrictJson(file.readText()))
            if ("chat" in fields) ofSnapshot(fields) else ofMessages(fields)
        } catch (_: JsonException) {
            null
        } catch (_: UsageException) {
            null
        } catch (_: IOException) {
            null
        }
    }

    fun remove() {
        file.delete()
    }

    private fun ofSnapshot(fields: Map<*, *>): Conversation {
        val chat = ChatSnapshot.parse(typed(fields["chat"]))
        val runs = typed<List<*>>(fields["runs"]).map(::runsOf)
        if (runs.size != chat.turns.size) throw JsonException("runs of ${runs.size} turns, not ${chat.turns.size}")
        return Conversation(id = 0, chat.turns.zip(runs, ::message), isPlain = chat.isPlain, chat = chat)
    }

    /** Without tokens of its own a reply is read anew, and can't go on as it was. */
    private fun ofMessages(fields: Map<*, *>): Conversation {
        val said = typed<List<*>>(fields["messages"]).map { typed<Map<*, *>>(it) }
        val hasTokens = said.all { "tokens" in it }
        val isThinking = hasTokens && said.lastOrNull()?.get("is_thinking") == true
        val snapshot =
            mapOf(
                "format" to "slipstream-chat",
                "version" to 1,
                "bundle_sha256" to fields["bundle_sha256"],
                "is_plain" to !typed<Boolean>(fields["is_chat"]),
                "is_thinking" to isThinking,
                "can_go_on" to (hasTokens && typed(fields["can_go_on"])),
                "is_full" to false,
                "messages" to said.map { snapshotFields(it, hasTokens) },
            )
        return ofSnapshot(mapOf("chat" to json(snapshot), "runs" to said.map { it["runs"] }))
    }

    private fun snapshotFields(
        message: Map<*, *>,
        hasTokens: Boolean,
    ): Map<String, Any?> {
        val isUser = typed<Boolean>(message["is_user"])
        return mapOf(
            "role" to if (isUser) "user" else "model",
            "content" to message["text"],
            "thought" to (message["thought"] ?: ""),
            "tokens" to if (hasTokens && !isUser) typed<List<*>>(message["tokens"]).map(::int) else null,
            "answer_begin" to if (isUser) null else message["answer_begin"]?.let(::int),
        )
    }

    private fun int(raw: Any?): Int = typed<JsonNumber>(raw).toIntOrNull() ?: throw JsonException("no integer: $raw")
}
