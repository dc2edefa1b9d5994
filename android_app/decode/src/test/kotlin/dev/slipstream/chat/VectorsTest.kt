package dev.slipstream.chat

import dev.slipstream.compileMutants
import dev.slipstream.json.parseStrictJson
import dev.slipstream.repository
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import java.lang.reflect.InvocationTargetException
import java.nio.file.Path
import kotlin.io.path.createDirectories
import kotlin.io.path.readText
import kotlin.io.path.writeText

/** chat.json: this side agrees with it, and does not with a fault in its own sources. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class VectorsTest {
    data class Mutant(
        val name: String,
        val file: String,
        val right: String,
        val wrong: String,
    ) {
        override fun toString() = name
    }

    private lateinit var loader: ClassLoader

    /** All at once, each a copy of its file and of what plays the cases, in a package of its own. */
    @BeforeAll
    fun compile(
        @TempDir folder: Path,
    ) {
        for (mutant in mutants() + Mutant("none", "Splitter", "", "")) {
            val place = folder.resolve("src/${mutant.name}").createDirectories()
            for ((file, module) in mapOf(mutant.file to "main", "ChatCases" to "test")) {
                val source = repository.resolve("android_app/decode/src/$module/$PACKAGE/$file.kt").readText()
                val isHere = file == mutant.file && mutant.right != ""
                if (isHere) assertEquals(2, source.split(mutant.right).size, "${mutant.right} in $file.kt")
                val changed = if (isHere) source.replace(mutant.right, mutant.wrong) else source
                // Imports of the whole package yield to the copies, which are in the same package.
                val begin = "package mutants.chat.${mutant.name}\n\nimport dev.slipstream.chat.*\n"
                place.resolve("$file.kt").writeText(changed.replaceFirst(Regex("package .*\n"), begin))
            }
        }
        loader = compileMutants(folder.resolve("src"), folder.resolve("classes"))
    }

    @Test
    fun `every case gives what is recorded`() {
        val raw = parseStrictJson(repository.resolve("runtime_spec/vectors/chat.json").readText()) as Map<*, *>
        val recorded = listOf("conversations", "replies").sumOf { (raw[it] as List<*>).size }
        assertEquals(recorded, playCases())
        assertEquals(recorded, play("none"))
    }

    @ParameterizedTest
    @MethodSource("mutants")
    fun `the cases catch`(mutant: Mutant) {
        val error = assertThrows<InvocationTargetException> { play(mutant.name) }.targetException
        check(error is AssertionError || error is RuntimeException) { "$error" }
    }

    private fun play(mutant: String): Any? =
        Class
            .forName("mutants.chat.$mutant.ChatCasesKt", true, loader)
            .declaredMethods
            .first { it.name.startsWith("playCases") }
            .invoke(null)

    private companion object {
        const val PACKAGE = "kotlin/dev/slipstream/chat"

        @JvmStatic
        fun mutants(): List<Mutant> =
            of(
                "Conversation",
                "start_forgotten" to ("Template(chat.start)" to "Template(\"\")"),
                "no_system_turn_made" to ("if (on != null && !hasSystem)" to "if (on != null && messages.isEmpty())"),
                "thinking_not_in_system" to ("message.role == SYSTEM && on != null" to "index < 0 && on != null"),
                "every_user_after_system" to ("index == 1 && hasSystem" to "hasSystem"),
                "reply_without_thinking" to ("chat.reply(thinking)" to "chat.reply(false)"),
                "thoughts_always_kept" to ("it.kept && message" to "message"),
                "kept_stripped_before" to ("if (kept != null) stripEnd(shown) else strip(shown)" to "strip(shown)"),
                "stripped_behind_alone" to ("if (kept != null) stripEnd(shown) else strip(shown)" to "stripEnd(shown)"),
                "not_stripped" to ("if (message.role in chat.trims)" to "if (false)"),
                "thought_tokens_said" to (" else message.answerTokens" to " else message.tokens"),
                "stripped_tokens_said" to ("if (said != null && shown == message.content)" to "if (said != null)"),
                "empty_parts" to ("part == Template(\"\") || part == Content(\"\")" to "false"),
                "templates_apart" to
                    ("part is Template && last" to "part is Template && found.isEmpty() && last"),
                "two_replies" to ("(role == MODEL || chat.alternates) && role" to "chat.alternates && role"),
                "two_users_refused" to ("(role == MODEL || chat.alternates) && role" to "role"),
                "reply_first" to ("(chat.alternates && isFirst && role == MODEL)" to "false"),
                "late_system" to ("before != null || chat.system == null)" to "chat.system == null)"),
                "no_system_in_template" to ("(before != null || chat.system == null)" to "(before != null)"),
                "reply_last" to ("if (before != USER)" to "if (false)"),
                "any_role" to ("if (role !in ROLES)" to "if (false)"),
                "thinking_unknown" to ("if (thinking && chat.thinking == null)" to "if (false)"),
            ) +
                of(
                    "WrittenMessage",
                    "others_names_unknown" to ("OTHERS.getOrDefault(role, role)" to "role"),
                    "own_thought_lost" to ("ours == MODEL && thought.isEmpty()" to "ours == MODEL"),
                    "thought_of_a_user" to ("ours == MODEL && thought" to "thought"),
                    "thought_anywhere" to ("content.startsWith(it.start)" to "it.start in content"),
                    "thought_without_end" to ("|| end < 0) return" to ") return"),
                ) +
                of(
                    "ContextTokens",
                    "control_in_contents" to ("text.append(content)" to "addTemplate(content)"),
                    "shortest_first" to ("sortedByDescending" to "sortedBy"),
                    "bos_twice" to ("if (token.id != bos) ids" to "ids"),
                    "not_stripped_behind" to ("if (strips) stretch" to "if (false) stretch"),
                    "not_stripped_before" to ("if (leftStrip) stretch" to "if (false) stretch"),
                    "said_strips" to ("        strips = false\n    }" to "    }"),
                    "said_cut_short" to
                        ("ids.addAll(tokens)" to "for (i in 1 until tokens.size) ids.add(tokens[i - 1])"),
                    "contents_apart" to ("text.append(content)" to "cut(); text.append(content); cut()"),
                ) +
                of(
                    "Splitter",
                    "never_opened_in_thought" to ("channel = Channel.THOUGHT\n" to "channel = Channel.ANSWER\n"),
                    "opened_ends_unseen" to ("openedBy.lastIndexOf(thoughts.end)" to "-1"),
                    "control_shown" to ("if (token !in control)" to "if (true)"),
                    "runs_not_ended" to ("val found = flush()" to "val found = emptyList<SaidText>()"),
                    "rest_not_dropped" to ("toDrop = rest" to "toDrop = \"\""),
                    "rest_not_awaited" to ("else if (toDrop.startsWith(held))" to "else if (false)"),
                    "held_forgotten" to (" + SaidText(channel, held)" to ""),
                    "nothing_held_back" to ("else couldBegin(held, spelled)" to "else 0"),
                    "shortest_delimiter" to ("spelled.length > length" to "(length == 0 || spelled.length < length)"),
                    "answer_begins_in_text" to ("if (end?.token != null && rest.isEmpty()) count else null" to "count"),
                    "never_ends" to ("enter(Channel.ANSWER, end.rest)" to "enter(Channel.THOUGHT, end.rest)"),
                )

        private fun of(
            file: String,
            vararg faults: Pair<String, Pair<String, String>>,
        ): List<Mutant> = faults.map { (name, change) -> Mutant(name, file, change.first, change.second) }
    }
}
