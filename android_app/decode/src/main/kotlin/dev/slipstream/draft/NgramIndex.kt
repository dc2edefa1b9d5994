package dev.slipstream.draft

import androidx.collection.IntList
import androidx.collection.MutableIntList

/**
 * N-gram drafts: the tokens that followed the last time (DECODE.md, *N-gram drafts*).
 *
 * Keeps the text that it was asked about, and follows whatever becomes of it: tokens that are the same cost a
 * comparison, only what differs is taken out and put in again. Texts have at most [capacity] tokens, those of a cache
 * of as many slots that has a free one; from 52 to 84 bytes a slot, all of them taken here. For one thread.
 */
public class NgramIndex(
    private val capacity: Int,
) {
    private val text = IntArray(capacity)
    private var length = 0
    private val tables = Array(LONGEST - SHORTEST + 1) { NgramTable(LONGEST - it, text) }
    private var matchEnd = NgramTable.NOWHERE
    private val followed = MutableIntList(MOST_DRAFTS)

    /** n of the match of the text [cached] and then [bonusToken]; 0 if there is none. */
    public fun match(
        cached: IntList,
        bonusToken: Int,
    ): Int {
        require(cached.size < capacity) { "text of ${cached.size + 1} tokens in an index of $capacity" }
        follow(cached, bonusToken)
        for (table in tables) {
            matchEnd = table.earlier(length - 1)
            if (matchEnd != NgramTable.NOWHERE) return table.n
        }
        return 0
    }

    /**
     * [count] tokens (>= 0) that follow the match that was found last; none if none was. The list is the index's, until
     * it is asked again.
     */
    public fun drafts(count: Int): IntList {
        followed.clear()
        if (matchEnd == NgramTable.NOWHERE) return followed
        // Where the text ends the drafts go on with themselves: what lies between match and end is a period.
        for (i in matchEnd + 1..matchEnd + count) followed.add(if (i < length) text[i] else followed[i - length])
        return followed
    }

    /** How many of [tokens], from the first on, are the [drafts] of the match that was found last. */
    public fun countRight(tokens: IntList): Int {
        if (matchEnd == NgramTable.NOWHERE) return 0
        val period = length - matchEnd - 1
        for (i in 0 until tokens.size) {
            // What is behind the text's end repeats what was right so far.
            val draft = if (i < period) text[matchEnd + 1 + i] else tokens[i - period]
            if (tokens[i] != draft) return i
        }
        return tokens.size
    }

    /** Makes the text [cached] and then [bonusToken]. */
    private fun follow(
        cached: IntList,
        bonusToken: Int,
    ) {
        shrink(commonBeginning(cached))
        while (length < cached.size) append(cached[length])
        append(bonusToken)
    }

    /** All of the text is looked at: an edit far in front leaves the length and the end as they were. */
    private fun commonBeginning(cached: IntList): Int {
        val most = minOf(length, cached.size)
        for (i in 0 until most) if (text[i] != cached[i]) return i
        return most
    }

    private fun append(token: Int) {
        text[length] = token
        for (table in tables) table.put(length)
        length += 1
    }

    /** Takes out the last places, one by one, until the text has [wanted] tokens. */
    private fun shrink(wanted: Int) {
        while (length > wanted) {
            length -= 1
            for (table in tables) table.remove(length)
        }
    }

    private companion object {
        const val LONGEST = 5
        const val SHORTEST = 2

        /** Of a round, by the manifest's limits; more would make the list grow. */
        const val MOST_DRAFTS = 64
    }
}
