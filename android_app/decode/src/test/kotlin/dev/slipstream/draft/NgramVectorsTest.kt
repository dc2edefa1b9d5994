package dev.slipstream.draft

import dev.slipstream.compileMutants
import dev.slipstream.repository
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
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

/** ngrams.json: this side agrees with it, and does not with a fault in its own sources. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class NgramVectorsTest {
    data class Mutant(
        val name: String,
        val file: String,
        val right: String,
        val wrong: String,
    ) {
        override fun toString() = name
    }

    private lateinit var loader: ClassLoader

    /** All at once, each a copy of the index and of what plays the vectors, in a package of its own. */
    @BeforeAll
    fun compile(
        @TempDir folder: Path,
    ) {
        for (mutant in mutants() + Mutant("none", "NgramIndex", "", "")) {
            val place = folder.resolve("src/${mutant.name}").createDirectories()
            for ((file, module) in mapOf("NgramIndex" to "main", "NgramTable" to "main", "NgramCases" to "test")) {
                val source = repository.resolve("android_app/decode/src/$module/$PACKAGE/$file.kt").readText()
                val isHere = file == mutant.file && mutant.right != ""
                if (isHere) assertEquals(2, source.split(mutant.right).size, "${mutant.right} in $file.kt")
                val changed = if (isHere) source.replace(mutant.right, mutant.wrong) else source
                val begin = "package mutants.ngram.${mutant.name}\n"
                place.resolve("$file.kt").writeText(changed.replaceFirst(Regex("package .*\n"), begin))
            }
        }
        loader = compileMutants(folder.resolve("src"), folder.resolve("classes"))
    }

    @Test
    fun `every case and the digest give what is recorded`() {
        val (scripts, recorded) = recordedNgramDigest()
        assertEquals(recorded, ngramDigest(scripts))
        assertEquals(23, playNgramCases())
    }

    @Test
    fun `so does an unchanged copy`() {
        assertEquals(23, call("none", "playNgramCases"))
        assertEquals(ngramDigest(SCRIPTS), call("none", "ngramDigest", SCRIPTS))
    }

    @ParameterizedTest
    @MethodSource("mutants")
    fun `the digest catches`(mutant: Mutant) {
        val found =
            try {
                call(mutant.name, "ngramDigest", SCRIPTS)
            } catch (error: InvocationTargetException) {
                error.targetException
            }
        assertNotEquals(ngramDigest(SCRIPTS), found)
    }

    @ParameterizedTest
    @MethodSource("mutants")
    fun `the cases catch`(mutant: Mutant) {
        val error = assertThrows<InvocationTargetException> { call(mutant.name, "playNgramCases") }.targetException
        check(error is AssertionError || error is RuntimeException) { "$error" }
    }

    private fun call(
        mutant: String,
        function: String,
        vararg arguments: Any,
    ): Any? =
        Class
            .forName("mutants.ngram.$mutant.NgramCasesKt", true, loader)
            .declaredMethods
            .single { it.name == function }
            .invoke(null, *arguments)

    private companion object {
        const val PACKAGE = "kotlin/dev/slipstream/draft"
        const val SCRIPTS = 200

        @JvmStatic
        fun mutants(): List<Mutant> =
            of(
                "NgramTable",
                "earliest_place" to
                    ("entries[at] = place + 1" to "if (entries[at] == 0) entries[at] = place + 1"),
                "match_is_the_end_itself" to ("earlier[place] = entries[at] - 1" to "earlier[place] = place"),
                "may_not_overlap" to
                    (
                        "earlier[place] = entries[at] - 1" to
                            "earlier[place] = if (entries[at] > place - n + 1) NOWHERE else entries[at] - 1"
                    ),
                "collision_taken_for_a_match" to ("&& !isSame(entries[at] - 1, place)" to "&& false"),
                "entry_stays_when_its_place_goes" to
                    (
                        "entries[find(place)] = earlier[place] + 1" to
                            "if (earlier[place] != NOWHERE) entries[find(place)] = earlier[place] + 1"
                    ),
                "entry_not_put_back" to ("entries[find(place)] = earlier[place] + 1" to "entries[find(place)] = 0"),
                "n_grams_before_the_text" to ("earlier[place] = NOWHERE\n" to "\n"),
            ) +
                of(
                    "NgramIndex",
                    "shortest_first" to ("NgramTable(LONGEST - it, text)" to "NgramTable(SHORTEST + it, text)"),
                    "up_to_six" to ("LONGEST = 5" to "LONGEST = 6"),
                    "up_to_four" to ("LONGEST = 5" to "LONGEST = 4"),
                    "from_three" to ("SHORTEST = 2" to "SHORTEST = 3"),
                    "from_one" to ("SHORTEST = 2" to "SHORTEST = 1"),
                    "edit_not_seen" to ("if (text[i] != cached[i]) return i" to "Unit"),
                    "edit_seen_one_token_late" to ("!= cached[i]) return i" to "!= cached[i]) return i + 1"),
                    "index_not_shrunk" to ("for (table in tables) table.remove(length)" to "Unit"),
                    "old_bonus_token_kept" to
                        (
                            "val most = minOf(length, cached.size)" to
                                "if (length == cached.size + 1) return length; val most = minOf(length, cached.size)"
                        ),
                    "bonus_token_left_out" to
                        ("append(bonusToken)" to "append(if (length == 0) -1 else text[length - 1])"),
                    "period_not_continued" to
                        (
                            "for (i in matchEnd + 1..matchEnd + count)" to
                                "for (i in matchEnd + 1..minOf(matchEnd + count, length - 1))"
                        ),
                    "period_one_late" to ("followed[i - length]" to "followed[(i - length + 1) % followed.size]"),
                    "drafts_one_early" to ("matchEnd + 1..matchEnd + count" to "matchEnd until matchEnd + count"),
                    "one_draft_too_many" to ("matchEnd + 1..matchEnd + count" to "matchEnd + 1..matchEnd + count + 1"),
                    "drafts_added_to_the_last_ones" to ("followed.clear()\n" to "\n"),
                )

        private fun of(
            file: String,
            vararg faults: Pair<String, Pair<String, String>>,
        ): List<Mutant> = faults.map { (name, change) -> Mutant(name, file, change.first, change.second) }
    }
}
