package dev.slipstream.trace

import androidx.collection.IntList
import androidx.collection.intListOf
import dev.slipstream.decode.DraftSource
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.Hidden
import dev.slipstream.decode.Round
import dev.slipstream.decode.Target
import dev.slipstream.decode.TargetOutput
import dev.slipstream.errors.TraceException

// Checking a runtime against a trace: the same loop, over ports that compare every answer with the recorded one.
// After an allowed fork the recorded tokens are handed on, so that every later round sees the same input.

private val COMPARED: List<Pair<String, (Round) -> Any?>> =
    listOf(
        "index" to { it.index },
        "position" to { it.position },
        "bonus_token" to { it.bonusToken },
        "fills" to { it.fills },
        "draft_tokens" to { it.draftTokens },
        "draft_source" to { it.draftSource?.traceName },
        "verify_width" to { it.verifyWidth },
        "target_tokens" to { it.targetTokens },
        "num_accepted" to { it.numAccepted },
        "emitted_tokens" to { it.emittedTokens },
        "cache_length" to { it.cacheLength },
        "stop_reason" to { it.stopReason },
    )

/** What the two checking ports share: the trace, the place in it and the forks so far. */
internal class Replay(
    trace: Trace,
) {
    val header = trace.header
    val rounds = trace.rounds
    val report = ReplayReport()

    val expected: Round
        get() = rounds.getOrNull(report.rounds) ?: throw error("index", "the end of the trace", "one more round")

    fun check(
        field: String,
        expected: Any?,
        found: Any?,
    ) {
        if (expected != found) throw error(field, expected, found)
    }

    /** The recorded tokens, if [found] equals them but for near ties. Forks are counted token by token. */
    fun checkTargetTokens(found: IntList): IntList {
        val wanted = expected.targetTokens
        if (found == wanted) return wanted
        val margins = expected.margins
        check("number of target_tokens", wanted.size, found.size)
        for (i in wanted.indices) {
            if (wanted[i] == found[i]) continue
            if (margins == null || margins[i] >= header.tolerance) {
                val margin = if (margins == null) "none recorded" else decimal(margins[i])
                throw error("target_tokens[$i]", "${wanted[i]} (margin $margin)", found[i])
            }
            report.targetForks += 1
        }
        return wanted
    }

    /** The recorded drafts; other ones are a fork where the header allows it, else an error. */
    fun checkDraftTokens(found: IntList): IntList {
        val wanted = expected.draftTokens
        if (found != wanted) {
            if (header.exactDrafts) throw error("draft_tokens", wanted, found)
            report.draftForks += 1
        }
        return wanted
    }

    fun checkRound(found: Round) {
        for ((field, value) in COMPARED) check(field, value(expected), value(found))
        report.rounds += 1
    }

    fun error(
        field: String,
        expected: Any?,
        found: Any?,
    ): TraceException =
        TraceException(
            "The replay left the trace",
            expected = "$field $expected",
            found = "$field $found",
            where = "trace ${header.name}, round ${report.rounds}, field $field",
            action =
                "Forks below a margin of ${decimal(header.tolerance)} are allowed; beyond, look for a wrong input to " +
                    "the graph (position, mask, cache row, hidden) or a kernel that computes something else.",
        )
}

/** The runtime's target, seen through the trace: capacity and widths are those of the recording. */
internal class CheckedTarget(
    private val target: Target,
    private val replay: Replay,
) : Target {
    override val capacity = replay.header.capacity
    override val verifyWidths = replay.header.verifyWidths
    private var filled = 0

    override fun fillCount(
        numTokens: Int,
        position: Int,
    ): Int = target.fillCount(numTokens, position)

    override fun fill(
        tokens: IntList,
        position: Int,
    ) {
        checkPrefill(position)
        target.fill(tokens, position)
        filled += tokens.size
    }

    override fun prefill(
        tokens: IntList,
        position: Int,
    ): TargetOutput {
        checkPrefill(position)
        filled = 0
        val output = target.prefill(tokens, position)
        return TargetOutput(replay.checkTargetTokens(intListOf(output.targetTokens[0])), output.hiddens)
    }

    override fun verify(
        tokens: IntList,
        position: Int,
        width: Int,
    ): TargetOutput {
        val expected = replay.expected
        replay.check("position", expected.position, position)
        replay.check("bonus_token", expected.bonusToken, tokens[0])
        val isSame =
            (1 until tokens.size).all {
                it <= expected.draftTokens.size &&
                    tokens[it] == expected.draftTokens[it - 1]
            }
        if (!isSame || tokens.size != expected.draftTokens.size + 1) {
            throw replay.error("draft_tokens", expected.draftTokens, "$tokens after the bonus token")
        }
        replay.check("verify_width", expected.verifyWidth, width)
        val output = target.verify(tokens, position, width)
        return TargetOutput(replay.checkTargetTokens(output.targetTokens), output.hiddens)
    }

    override fun rollback(cacheLength: Int) {
        filled = 0
        target.rollback(cacheLength)
    }

    private fun checkPrefill(position: Int) {
        replay.check("verify_width", replay.expected.verifyWidth, 0)
        replay.check("position", replay.expected.position, position - filled)
    }
}

/** The runtime's drafter, seen through the trace. */
internal class CheckedDrafter(
    private val drafter: Drafter,
    private val replay: Replay,
) : Drafter {
    override val source: DraftSource? get() = drafter.source

    override fun draft(
        cached: IntList,
        bonusToken: Int,
        hidden: Hidden,
        position: Int,
        count: Int,
    ): IntList {
        val draftTokens = drafter.draft(cached, bonusToken, hidden, position, count)
        replay.check("number of draft_tokens <= planned count", true, draftTokens.size <= count)
        return replay.checkDraftTokens(draftTokens)
    }
}

/**
 * Plays the trace's turns over the given ports, which must be fresh, and compares every field of every round.
 *
 * Throws TraceException naming the first wrong round and field.
 */
public fun replay(
    trace: Trace,
    target: Target,
    drafter: Drafter?,
): ReplayReport {
    val state = Replay(trace)
    checkFits(trace.header, target)
    val checkedDrafter = drafter?.let { CheckedDrafter(it, state) }
    val session = newSession(trace.header, CheckedTarget(target, state), checkedDrafter)
    for (turn in trace.header.turns) {
        for (round in playTurn(session, turn)) state.checkRound(round)
    }
    state.check("rounds", trace.rounds.size, state.report.rounds)
    return state.report
}

/** Throws TraceException unless the target can do what the trace asks: as large a cache and the same verify widths. */
internal fun checkFits(
    header: TraceHeader,
    target: Target,
) {
    val hasAll = header.verifyWidths.all { it in target.verifyWidths }
    if (header.capacity <= target.capacity && hasAll) return
    throw TraceException(
        "The trace does not fit the target",
        expected = "a cache of ${header.capacity} slots, verify widths ${header.verifyWidths}",
        found = "a cache of ${target.capacity} slots, verify widths ${target.verifyWidths}",
        where = "the header of trace ${header.name}",
        action = "Replay it on the bundle that carries it, or record it again.",
    )
}

private inline fun IntList.all(predicate: (Int) -> Boolean): Boolean = !any { !predicate(it) }
