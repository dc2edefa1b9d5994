package dev.slipstream.sampling

import androidx.collection.IntList
import androidx.collection.MutableIntList
import java.nio.FloatBuffer

/**
 * What a target and its drafter say, from their logits (DECODE.md, *What the drafter says*, *What the target says*).
 *
 * One for a session: the target tells it what it writes, since a penalty looks back, and the distribution of each draft
 * that was drawn is kept until the round's pass. In steady state it allocates nothing, and nothing for a longer text
 * up to [capacity] tokens. Not thread-safe.
 */
public class Sampler(
    /** Holds for a turn: to be changed between turns only. */
    public var sampling: Sampling = Sampling.GREEDY,
    capacity: Int = 0,
) {
    private val filter = Filter()
    private val residual = Residual()
    private val row = LogitRow()
    private val p = Distribution()

    /** All tokens by cache slot, and then the bonus token and the drafts of a round that is being drafted. */
    private val text = MutableIntList(capacity)

    /** The drafts that were drawn, from slot [firstDrawn] on, and what each was drawn from. */
    private val drawn = MutableIntList()
    private val drawnFrom = ArrayList<Distribution>()
    private var firstDrawn = 0

    /** What the drafter's own distribution gave to its last draft; only if it was asked for. */
    public var confidence: Double = 0.0
        private set

    /** Notes that [tokens] are written at slots [position]..; what was there and behind it is gone. */
    public fun wrote(
        tokens: IntList,
        position: Int,
    ) {
        moveTo(position)
        text.addAll(tokens)
    }

    /** Forgets what drafts were drawn from: the tokens that follow are no drafts. */
    public fun forgetDrafts() {
        drawn.clear()
    }

    /**
     * What the target says after each of [tokens], which a pass wrote from [position] on, in [result]. Row i of
     * [logits] has [size] of them; tokens but the first are drafts. Unless it is greedy, what is said ends behind the
     * first that is not the draft, and later rows are not looked at.
     *
     * RuntimeLibraryException where a logit is infinite or not a number.
     */
    public fun targetTokens(
        logits: FloatBuffer,
        size: Int,
        tokens: IntList,
        position: Int,
        result: MutableIntList,
    ) {
        result.clear()
        for (i in 0 until tokens.size) {
            if (sampling.isGreedy) {
                result.add(bestToken(logits, i * size, size, position + i))
                continue
            }
            distribution(logits, i * size, size, position + i, p)
            val draft = if (i + 1 < tokens.size) tokens[i + 1] else NO_DRAFT
            result.add(say(draft, position + i + 1))
            if (result[i] != draft) break
        }
        forgetDrafts()
    }

    /** What a target with the distribution [p] says at [slot], where a [draft] may stand. */
    private fun say(
        draft: Int,
        slot: Int,
    ): Int {
        val index = slot - firstDrawn
        val isDrawn = index in 0 until drawn.size && drawn[index] == draft
        return if (isDrawn) judge(p, drawnFrom[index], draft, slot) else draw(p, chance(slot, CHOOSE))
    }

    /** The same where the [draft] was drawn from [q]: it is kept, or made up for by what [p] has more of. */
    internal fun judge(
        p: Distribution,
        q: Distribution,
        draft: Int,
        slot: Int,
    ): Int {
        if (chance(slot, ACCEPT) * q.weightOf(draft) < p.weightOf(draft)) return draft
        return draw(residual.of(p, q), chance(slot, CHOOSE))
    }

    /** Begins the drafts of a round, which follow [bonusToken] at slot [position]. */
    public fun beginDrafts(
        bonusToken: Int,
        position: Int,
    ) {
        moveTo(position)
        text.add(bonusToken)
        forgetDrafts()
        firstDrawn = position + 1
    }

    /**
     * The next draft, by the first [size] of [logits]. [confidence] is computed if it is [wanted][wantsConfidence].
     *
     * RuntimeLibraryException where a logit is infinite or not a number.
     */
    public fun draftToken(
        logits: FloatBuffer,
        size: Int,
        wantsConfidence: Boolean,
    ): Int {
        val token =
            if (sampling.drawsDrafts) {
                drawnDraft(logits, size, wantsConfidence)
            } else if (wantsConfidence) {
                row.read(logits, 0, size, text.size - 1)
                confidence = filter.share(row, CONFIDENCE_TOKENS, p)
                p.tokens[0]
            } else {
                bestToken(logits, 0, size, text.size - 1)
            }
        text.add(token)
        return token
    }

    private fun drawnDraft(
        logits: FloatBuffer,
        size: Int,
        wantsConfidence: Boolean,
    ): Int {
        if (drawn.size == drawnFrom.size) drawnFrom.add(Distribution())
        val q = drawnFrom[drawn.size]
        distribution(logits, 0, size, text.size - 1, q)
        val token = draw(q, chance(text.size, DRAFT + drawn.size))
        if (wantsConfidence) confidence = q.weightOf(token)
        drawn.add(token)
        return token
    }

    /** The distribution of the token after cache slot [position], from [size] of [logits] from [begin] on. */
    internal fun distribution(
        logits: FloatBuffer,
        begin: Int,
        size: Int,
        position: Int,
        result: Distribution,
    ) {
        row.read(logits, begin, size, position)
        if (sampling.isPenalised) {
            val end = position + 1
            val from = maxOf(0, end - sampling.repetitionWindow)
            row.penalise(logits, begin, text, from, end, sampling.repetitionPenalty)
        }
        filter.apply(row, sampling, result)
    }

    private fun chance(
        slot: Int,
        purpose: Int,
    ): Double = uniform(sampling.seed, slot, purpose)

    private fun moveTo(position: Int) {
        // A target that was used before this sampler came has slots that nobody told of.
        while (text.size < position) text.add(UNKNOWN)
        text.removeRange(position, text.size)
    }

    private companion object {
        const val NO_DRAFT = -1
        const val UNKNOWN = -1
        const val CONFIDENCE_TOKENS = 8
    }
}
