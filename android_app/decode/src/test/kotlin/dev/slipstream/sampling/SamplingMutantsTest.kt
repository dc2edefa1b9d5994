package dev.slipstream.sampling

import dev.slipstream.compileMutants
import dev.slipstream.repository
import dev.slipstream.scripted.Mutant
import dev.slipstream.scripted.digest
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import java.lang.reflect.InvocationTargetException
import java.nio.file.Path
import kotlin.io.path.readText

/** Faults planted in the sampler's own sources: the numbers of sampling.json, or the digest, must notice each. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SamplingMutantsTest {
    private val vectors = repository.resolve("runtime_spec/vectors/sampling.json").readText()
    private val right = digest(CONVERSATIONS)
    private lateinit var loader: ClassLoader

    @BeforeAll
    fun compile(
        @TempDir folder: Path,
    ) {
        val sources = folder.resolve("src")
        for (mutant in mutants() + Mutant("none", "Sampler", "", "")) mutant.write(COPIED, sources)
        loader = compileMutants(sources, folder.resolve("classes"))
    }

    @Test
    fun `an unchanged copy has the numbers and the digest`() {
        assertNull(difference("none"))
    }

    @ParameterizedTest
    @MethodSource("mutants")
    fun `numbers or digest catch`(mutant: Mutant) {
        assertNotNull(difference(mutant.name))
    }

    private fun difference(mutant: String): String? =
        try {
            val numbers = Class.forName("mutants.$mutant.SamplingVectorsKt", true, loader)
            val fuzz = Class.forName("mutants.$mutant.FuzzKt", true, loader)
            val check = numbers.getMethod("firstSamplingDifference", String::class.java)
            val found = fuzz.getMethod("digest", Int::class.java).invoke(null, CONVERSATIONS) as String
            check.invoke(null, vectors) as String? ?: "digest $found".takeIf { found != right }
        } catch (error: InvocationTargetException) {
            "crashed: ${error.cause}"
        }

    private companion object {
        const val CONVERSATIONS = 400

        val LARGEST =
            """
            |        var kept = count
            |        while (kept > 0) {
            |            val number = uniform(seed, slot + kept - 1, acceptPurpose(kept - 1))
            |            if (number < acceptance(kept, count, p, q)) break
            |            kept -= 1
            |        }
            """.trimMargin()
        val FIRST_FAILURE =
            """
            |        var kept = 0
            |        while (kept < count) {
            |            if (uniform(seed, slot + kept, acceptPurpose(kept)) >= acceptance(kept + 1, count, p, q)) break
            |            kept += 1
            |        }
            """.trimMargin()
        val COPIED =
            listOf(
                "Block",
                "Candidates",
                "Distribution",
                "Exponential",
                "Filter",
                "LogitRow",
                "RandomNumbers",
                "Residual",
                "Sampler",
                "SamplingVectors",
                "Selection",
            ).associateWith { "sampling" } +
                listOf("Fuzz", "Script", "ScriptedDrafter", "ScriptedTarget").associateWith { "scripted" }

        @JvmStatic
        fun mutants(): List<Mutant> =
            listOf(
                Mutant("one_random_number_for_all_purposes", "RandomNumbers", " + purpose", ""),
                Mutant(
                    "random_number_of_the_row_not_the_token",
                    "Sampler",
                    "chance(position + i + 1",
                    "chance(position + i",
                ),
                Mutant(
                    "number_of_acceptance_draws",
                    "Sampler",
                    "chance(slot + i, CHOOSE)",
                    "chance(slot + i, acceptPurpose(0))",
                ),
                Mutant("number_of_acceptance_drafts", "Sampler", "draftPurpose(drawn", "acceptPurpose(drawn"),
                Mutant("number_of_drafts_of_all_rounds", "Sampler", "draftPurpose(drawn.size)", "draftPurpose(0)"),
                Mutant("number_of_acceptance_of_all_rounds", "Block", "acceptPurpose(kept - 1)", "acceptPurpose(0)"),
                Mutant("uniform_may_be_one", "RandomNumbers", "h ushr 11", "(h ushr 11) + 1"),
                Mutant("seed_of_replies_not_hashed", "RandomNumbers", "seed xor splitmix(n)", "seed xor n"),
                Mutant("exponential_of_lower_degree", "Exponential", "DEGREE = 13", "DEGREE = 12"),
                Mutant(
                    "exponential_reduced_in_one_step",
                    "Exponential",
                    "(x - n * LN_2_HIGH) - n * LN_2_LOW",
                    "x - n * (LN_2_HIGH + LN_2_LOW)",
                ),
                Mutant("equals_by_descending_id", "Candidates", "(MAX_TOKEN - token).toLong()", "token.toLong()"),
                Mutant("negative_zero_below_zero", "Candidates", "(logit + 0f)", "logit"),
                Mutant(
                    "selected_one_too_few",
                    "Candidates",
                    "if (count > most) shrink(most)",
                    "if (count > most) shrink(most - 1)",
                ),
                Mutant("threshold_of_the_largest", "Candidates", "logitOf(keys[most - 1])", "logitOf(keys[0])"),
                Mutant("selected_but_not_sorted", "Candidates", "        sortDescending(keys, count)", ""),
                Mutant("last_digit_not_sorted", "Candidates", "digit in 0 until", "digit in 1 until"),
                Mutant("temperature_multiplies", "Filter", "largest) / temperature", "largest) * temperature"),
                Mutant("weights_of_the_less_likely_gone", "Filter", "LEAST = -40.0", "LEAST = -39.0"),
                Mutant("nucleus_without_the_token_that_reaches_it", "Filter", "return i + 1", "return maxOf(1, i)"),
                Mutant("nucleus_reaches_further", "Filter", "sum >= goal", "sum > goal"),
                Mutant("nucleus_of_no_total", "Filter", "topP * total", "topP"),
                Mutant(
                    "min_p_of_the_total",
                    "Filter",
                    "total += weights[i]\n        result.clear",
                    "total += 1.0\n        result.clear",
                ),
                Mutant("min_p_keeps_all", "Filter", "if (weights[i] >= minP) result", "result"),
                Mutant("confidence_at_another_temperature", "Filter", "temperature = 1.0", "temperature = 2.0"),
                Mutant("draw_as_if_weights_summed_to_one", "Distribution", "u * distribution.total", "u"),
                Mutant("drawn_where_the_sum_reaches_the_number", "Distribution", "sum > goal", "sum >= goal"),
                Mutant("weights_of_what_is_further_below", "Filter", "LEAST = -40.0", "LEAST = -41.0"),
                Mutant("sorted_but_not_cut_to_top_k", "Candidates", "        count = minOf(count, most)", ""),
                Mutant("residual_keeps_what_is_equal", "Residual", "weight > 0", "weight >= 0"),
                Mutant("residual_left_out", "Block", "if (more.count > 0) rest = more", ""),
                Mutant("residual_never_p", "Block", "if (more.count > 0) rest", "rest"),
                Mutant("residual_without_ratio", "Block", "q[kept], ratios[kept])", "q[kept], 1.0)"),
                Mutant("residual_not_scaled_where_q_has_none", "Residual", "0) scaled else", "0) p.weights[i] else"),
                Mutant("residual_not_cleared", "Residual", "for (i in 0 until q.count) places[q.tokens[i]] = 0", ""),
                Mutant("acceptance_without_q", "Block", " / q[i].weightOf(drafts[i])", ""),
                Mutant("acceptance_without_ratio", "Block", "q[size], ratio)", "q[size], 1.0)"),
                Mutant("acceptance_of_the_last_like_others", "Block", "ratio >= 1 || size == count", "ratio >= 1"),
                Mutant("every_drawn_draft_kept", "Block", "number < acceptance(kept, count, p, q)", "number < 1"),
                Mutant("ratio_not_capped", "Block", "minOf(1.0, ratios[i]", "(ratios[i]"),
                Mutant("ratio_of_one_less", "Block", "val ratio = ratios[size]", "val ratio = ratios[size - 1]"),
                Mutant(
                    "first_failure_ends",
                    "Block",
                    LARGEST,
                    FIRST_FAILURE,
                ),
                Mutant("q_forgotten", "Sampler", "        drawn.add(token)", ""),
                Mutant(
                    "q_of_the_first_draft",
                    "Block",
                    "p[i].weightOf(drafts[i]) / q[i]",
                    "p[i].weightOf(drafts[i]) / q[0]",
                ),
                Mutant(
                    "rows_behind_a_rejected_draft_said",
                    "Sampler",
                    "if (i + 1 == tokens.size || result[i] != tokens[i + 1]) break",
                    "",
                ),
                Mutant("said_on_behind_a_residual", "Sampler", "if (i == count || result[i] != drafts[i]) break", ""),
                Mutant(
                    "ends_behind_a_residual",
                    "Sampler",
                    "if (i == count || result[i] != drafts[i]) break",
                    "break",
                ),
                Mutant(
                    "penalty_from_one_token_early",
                    "Sampler",
                    "end - sampling.repetitionWindow",
                    "end - 1 - sampling.repetitionWindow",
                ),
                Mutant("penalty_without_the_rows_own_token", "Sampler", "val end = position + 1", "val end = position"),
                Mutant(
                    "penalty_forgets_the_drafts",
                    "Sampler",
                    "        text.add(token)\n        return token",
                    "        text.add(UNKNOWN)\n        return token",
                ),
                Mutant(
                    "penalty_for_each_time",
                    "LogitRow",
                    "source.get(begin + token).toDouble()",
                    "logits[token].toDouble()",
                ),
                Mutant(
                    "penalty_always_divides",
                    "LogitRow",
                    "if (logit > 0) logit / penalty else logit * penalty",
                    "logit / penalty",
                ),
            )
    }
}
