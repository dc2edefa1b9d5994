package dev.slipstream.decode

import androidx.collection.IntList
import dev.slipstream.errors.PromptTooLongException
import dev.slipstream.errors.UsageException

/** What a pass of a prefill costs beside its rows, in rows: the weights are read once for all of them. */
private const val PASS_ROWS = 6

/** Of tokens that no passes take within the room: more than any passes cost. */
private const val NO_COST = 1 shl 30

/**
 * Refuses a turn of [tokens] (the pending token included) at [position] that can't be prefilled.
 *
 * Throws [PromptTooLongException] if it does not fit, [UsageException] if there is nothing to prefill or to emit.
 */
internal fun checkTurn(
    tokens: IntList,
    maxNewTokens: Int,
    position: Int,
    capacity: Int,
) {
    if (position + tokens.size > capacity) {
        throw PromptTooLongException(
            "The prompt does not fit the context",
            expected = "at most ${capacity - position} tokens",
            found = "${tokens.size} tokens",
            where = "the turn that starts at position $position of a context of $capacity",
            action = "Shorten the prompt, start a new conversation, or export with a larger --context.",
        )
    }
    if (tokens.isEmpty() || maxNewTokens < 1) {
        throw UsageException(
            "There is nothing to decode",
            expected = "a prompt of at least one token and a budget of at least one new token",
            found = "${tokens.size} prompt tokens, max_new_tokens $maxNewTokens",
            where = "the turn that starts at position $position",
            action = "Give a prompt and a positive max_new_tokens.",
        )
    }
}

/**
 * How many of the first [tokens] are in the cache already; never all of them, for the last one must be prefilled again
 * to have its hidden.
 */
internal fun commonBeginning(
    cached: IntList,
    tokens: IntList,
): Int {
    var count = 0
    while (count < cached.size && count < tokens.size - 1 && cached[count] == tokens[count]) count++
    return count
}

/**
 * Rows of the next pass where [numTokens] tokens (>= 1, < [room]) are to be filled into [room] free slots by passes of
 * [prefillLengths], ascending: the longest as long as it is full, then the first of those passes that together cost
 * least, and the widest of several. 0 if even the shortest is longer than the tokens and the room.
 *
 * A pass that would end past the cache is no choice; where only such could take the last tokens, the widest that is
 * full comes first and what is left behind it is not for these passes.
 */
public fun fillWidth(
    numTokens: Int,
    room: Int,
    prefillLengths: IntList,
): Int {
    val longest = prefillLengths.last()
    if (numTokens >= longest) return longest
    // As passes are full but for the last, room and tokens shrink alike.
    val slack = room - numTokens
    val costs = IntArray(numTokens + 1)
    val widths = IntArray(numTokens + 1)
    for (left in 1..numTokens) {
        var least = NO_COST
        prefillLengths.forEach { width ->
            val cost = costs[maxOf(0, left - width)] + width + PASS_ROWS
            if (width <= left + slack && cost <= least) {
                least = cost
                widths[left] = width
            }
        }
        costs[left] = least
    }
    if (widths[numTokens] > 0) return widths[numTokens]
    var widest = 0
    prefillLengths.forEach { width -> if (width <= numTokens) widest = width }
    return widest
}

/**
 * How many drafts to ask for when [remaining] tokens may be emitted and [room] cache slots are free (both >= 1).
 *
 * One token of each is the bonus token's. A verify pass wider than the room would be moved back over live slots
 * without a word, so that the widest pass that fits bounds the drafts too.
 */
internal fun draftCount(
    numDraftTokens: Int,
    remaining: Int,
    room: Int,
    verifyWidths: IntList,
): Int {
    var widest = 1
    verifyWidths.forEach { width -> if (width <= room) widest = width }
    return minOf(numDraftTokens, remaining - 1, minOf(room - 1, widest - 1))
}

/** The smallest exported width that holds [numTokens]; [draftCount] has seen to it that one exists and fits. */
internal fun verifyWidth(
    numTokens: Int,
    verifyWidths: IntList,
): Int {
    verifyWidths.forEach { width -> if (width >= numTokens) return width }
    val widest = verifyWidths.last()
    throw IllegalStateException("$numTokens tokens to verify, widest pass $widest: more drafts than asked for")
}
