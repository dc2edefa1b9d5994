package dev.slipstream.scripted

import dev.slipstream.compileMutants
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import java.lang.reflect.InvocationTargetException
import java.nio.file.Path

/**
 * Faults planted in the loop's own sources: the digest must notice each. All mutants are compiled in one go, every one
 * a copy of the loop in a package of its own.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MutantsTest {
    private lateinit var loader: ClassLoader

    @BeforeAll
    fun compile(
        @TempDir folder: Path,
    ) {
        val sources = folder.resolve("src")
        for (mutant in mutants() + Mutant("none", "Plan", "", "")) mutant.write(COPIED, sources)
        loader = compileMutants(sources, folder.resolve("classes"))
    }

    @Test
    fun `an unchanged copy of the loop gives the digest`() {
        assertEquals(digest(CONVERSATIONS), digestOf("none"))
    }

    @ParameterizedTest
    @MethodSource("mutants")
    fun `the digest catches`(mutant: Mutant) {
        assertNotEquals(digest(CONVERSATIONS), digestOf(mutant.name))
    }

    private fun digestOf(mutant: String): String =
        try {
            val fuzz = Class.forName("mutants.$mutant.FuzzKt", true, loader)
            fuzz.getMethod("digest", Int::class.java).invoke(null, CONVERSATIONS) as String
        } catch (error: InvocationTargetException) {
            "crashed: ${error.cause}"
        }

    private companion object {
        const val CONVERSATIONS = 400
        val COPIED =
            mapOf(
                "Accept" to "decode",
                "Plan" to "decode",
                "DecodeLoop" to "decode",
                "Session" to "decode",
                "Record" to "trace",
                "Fuzz" to "scripted",
            )

        @JvmStatic
        fun mutants(): List<Mutant> =
            listOf(
                Mutant("draft_count_ignores_budget", "Plan", "remaining - 1, minOf", "remaining, minOf"),
                Mutant(
                    "draft_count_off_by_one",
                    "Plan",
                    "minOf(numDraftTokens,",
                    "minOf(maxOf(0, numDraftTokens - 1),",
                ),
                Mutant("draft_count_ignores_widths", "Plan", "room - 1, widest - 1", "room - 1, room - 1"),
                Mutant("verify_width_ignores_capacity", "Plan", "if (width <= room) widest", "widest"),
                Mutant("verify_width_too_large", "Plan", "return width }", "return verifyWidths.last() }"),
                Mutant("accept_one_short", "Accept", "return numAccepted", "return maxOf(0, numAccepted - 1)"),
                Mutant("accept_one_unchecked", "Accept", "numAccepted = 0", "numAccepted = minOf(1, draftTokens.size)"),
                Mutant(
                    "hidden_from_last_slot",
                    "DecodeLoop",
                    "hiddens[emittedTokens.size - 1]",
                    "hiddens[draftTokens.size]",
                ),
                Mutant(
                    "hidden_one_slot_early",
                    "DecodeLoop",
                    "hiddens[emittedTokens.size - 1]",
                    "hiddens[maxOf(0, emittedTokens.size - 2)]",
                ),
                Mutant("hidden_stays_from_prefill", "DecodeLoop", "state.hidden = hiddens[emittedTokens.size - 1]", ""),
                Mutant("rollback_keeps_rejected_rows", "DecodeLoop", "target.rollback(cacheLength)", ""),
                Mutant(
                    "stop_token_in_draft_keeps_cache",
                    "DecodeLoop",
                    "for (i in 0 until emittedTokens.size - 1) state.cachedTokens.add(emittedTokens[i])",
                    "for (i in 0 until numAccepted) state.cachedTokens.add(draftTokens[i])",
                ),
                Mutant(
                    "pending_token_not_prefilled",
                    "DecodeLoop",
                    "if (bonusToken != NO_TOKEN) tokens.add(bonusToken)",
                    "",
                ),
                Mutant(
                    "drafts_count_against_budget",
                    "DecodeLoop",
                    "state.remaining -= emittedTokens.size",
                    "state.remaining = maxOf(0, state.remaining - maxOf(emittedTokens.size, draftTokens.size))",
                ),
                Mutant("common_beginning_forgotten", "Plan", "return count", "return 0"),
                Mutant("common_beginning_one_short", "Plan", "return count", "return maxOf(0, count - 1)"),
                Mutant("common_beginning_not_compared", "Plan", " && cached[count] == tokens[count]", ""),
                Mutant("common_beginning_may_be_all", "Plan", "tokens.size - 1 && cached", "tokens.size && cached"),
                Mutant(
                    "pending_token_kept_from_start",
                    "DecodeLoop",
                    "if (fromStart) NO_TOKEN else state.bonusToken",
                    "state.bonusToken",
                ),
                Mutant(
                    "cached_tokens_kept_from_start",
                    "DecodeLoop",
                    "state.cachedTokens.removeRange(position, state.cacheLength)",
                    "",
                ),
                Mutant(
                    "fill_not_cancelled",
                    "DecodeLoop",
                    "if (cancelled()) return cancel(state, fills, none, null, 0, none, target)",
                    "",
                ),
                Mutant(
                    "fills_at_one_position",
                    "DecodeLoop",
                    "target.fill(part, position + done)",
                    "target.fill(part, position)",
                ),
                Mutant("first_token_not_counted", "DecodeLoop", "maxNewTokens - 1", "maxNewTokens"),
                Mutant("stop_token_only_as_bonus", "DecodeLoop", "tokens[i] in stopTokens || i + 1", "i + 1"),
                Mutant("cache_full_one_late", "DecodeLoop", "cacheLength == capacity", "cacheLength > capacity"),
                Mutant(
                    "cancelled_pass_kept",
                    "DecodeLoop",
                    "if (cancelled()) return cancel(state, 0, draftTokens, draftSource, width, targetTokens, target)",
                    "cancelled()",
                ),
                Mutant(
                    "drafter_position_one_early",
                    "DecodeLoop",
                    "state.hidden!!, position, count",
                    "state.hidden!!, position - 1, count",
                ),
                Mutant("drafter_not_told_the_text", "DecodeLoop", "draft(state.cached,", "draft(emptyIntList(),"),
                Mutant("draft_source_kept_without_drafts", "DecodeLoop", "if (draftTokens.isEmpty()) null else ", ""),
                // What only a loop that reuses its lists can get wrong.
                Mutant(
                    "round_keeps_tokens_of_the_one_before",
                    "DecodeLoop",
                    "emittedTokens.apply { clear() }",
                    "emittedTokens",
                ),
            )
    }
}
