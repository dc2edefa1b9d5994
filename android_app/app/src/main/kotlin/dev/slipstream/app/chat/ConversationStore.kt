package dev.slipstream.app.chat

import dev.slipstream.ChatSnapshot
import dev.slipstream.errors.UsageException
import dev.slipstream.json.JsonException
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson
import java.io.File
import java.io.IOException
import java.nio.file.Files
import java.nio.file.StandardCopyOption

/** The one conversation, in [file]: a saved instance state is too small for it. */
internal class ConversationStore(
    private val file: File,
) {
    /** IOException where it can't be written: the old one stays. */
    fun write(conversation: Conversation) {
        val fields = mapOf("chat" to conversation.chat.toJson(), "runs" to conversation.runs.map { it.map(::numbers) })
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
            conversation(parseStrictJson(file.readText())).takeIf { it.chat.bundleSha256 == bundleSha256 }
        } catch (_: JsonException) {
            null
        } catch (_: UsageException) {
            null
        } catch (_: IOException) {
            null
        }
    }

    fun delete() {
        file.delete()
    }

    private fun conversation(raw: Any?): Conversation {
        val fields = typed<Map<*, *>>(raw)
        val chat = ChatSnapshot.parse(typed(fields["chat"]))
        val runs = typed<List<*>>(fields["runs"]).map { turn -> typed<List<*>>(turn).map(::run) }
        if (runs.size != chat.turns.size) throw JsonException("runs of ${runs.size} turns, not ${chat.turns.size}")
        return Conversation(chat, runs)
    }

    private fun numbers(run: Run) = listOf(run.end, run.tokens, if (run.accepted) 1 else 0)

    private fun run(raw: Any?): Run {
        val numbers = typed<List<*>>(raw).map { typed<JsonNumber>(it).toIntOrNull() ?: throw JsonException("$it") }
        if (numbers.size != RUN_SIZE) throw JsonException("no run: $raw")
        return Run(numbers[0], numbers[1], numbers[2] == 1)
    }

    private inline fun <reified T> typed(raw: Any?): T = raw as? T ?: throw JsonException("no ${T::class}: $raw")

    private companion object {
        const val RUN_SIZE = 3
    }
}
