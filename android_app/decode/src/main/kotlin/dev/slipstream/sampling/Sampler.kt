package dev.slipstream.sampling

import androidx.collection.IntList
import androidx.collection.MutableIntList
import java.nio.FloatBuffer

/**
 * What a target and its drafter say, from their logits (DECODE.md, *What the drafter says*, *What the target says*).
 *
 * One for a session: it is told of every token that is written, since a penalty looks back, and keeps the distribution
 * of each draft that was drawn until its round is over. In steady state it allocates nothing. Not thread-safe.
 */
public class Sampler(
    /** Holds for a turn: to be changed between turns only. */
    public var sampling: Sampling = Sampling.GREEDY,
) {
    private val filter = Filter()
    private val residual = Residual()
    private val row = LogitRow()
    private val p = Distribution()

    /** Tokens by cache slot; those of dead slots are not cleared. */
    private var history = IntArray(FIRST_SIZE)

    /** The drafts of a round: what the first was drawn for, and from what they were drawn. */
    private var drafted = 0
    private var numDrawn = 0
    private var draftPosition = 0
    private val drawn = ArrayList<Distribution>()

    /** What the drafter's own distribution gave to its last draft; only if it was asked for. */
    public var confidence: Double = 0.0
        private set

    /** Notes that [tokens] are written at slots [position].. */
    public fun wrote(
        tokens: IntList,
        position: Int,
    ) {
        reserve(position + tokens.size)
        for (i in 0 until tokens.size) history[position + i] = tokens[i]
    }

    /** Forgets from what drafts were drawn: the tokens that follow are no drafts. */
    public fun forgetDrafts() {
        numDrawn = 0
    }

    /**
     * What the target says after each of [tokens], which a pass wrote from [position] on, in [result]. Row i of
     * [logits] has [size] of them; tokens but the first are drafts. Drawn rows end with the first that says something
     * else than its draft.
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
            val draft = if (i + 1 < tokens.size) tokens[i + 1] else NO_DRAFT
            val token = targetToken(logits, i * size, size, position + i, draft)
            result.add(token)
            if (token != draft) break
        }
        forgetDrafts()
    }

    private fun targetToken(
        logits: FloatBuffer,
        begin: Int,
        size: Int,
        slot: Int,
        draft: Int,
    ): Int {
        distribution(logits, begin, size, slot, p)
        val index = slot - draftPosition
        val isDrawn = draft != NO_DRAFT && index in 0 until numDrawn
        return if (isDrawn) judge(p, drawn[index], draft, slot + 1) else draw(p, chance(slot + 1, Purpose.CHOOSE))
    }

    /** What a target with the distribution [p] says for cache slot [slot], where a [draft] stands that was drawn from [q]. */
    internal fun judge(
        p: Distribution,
        q: Distribution,
        draft: Int,
        slot: Int,
    ): Int {
        if (chance(slot, Purpose.ACCEPT) * q.weightOf(draft) < p.weightOf(draft)) return draft
        return draw(residual.of(p, q), chance(slot, Purpose.CHOOSE))
    }

    private fun chance(
        slot: Int,
        purpose: Purpose,
    ): Double = uniform(sampling.seed, slot, purpose)

    /** Begins the drafts of a round, which follow [bonusToken] at slot [position]. */
    public fun beginDrafts(
        bonusToken: Int,
        position: Int,
    ) {
        reserve(position + 1)
        history[position] = bonusToken
        draftPosition = position
        drafted = 0
        numDrawn = 0
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
        val slot = draftPosition + drafted
        val token =
            if (sampling.drawsDrafts) {
                drawnDraft(logits, size, slot)
            } else if (wantsConfidence) {
                row.read(logits, 0, size, slot)
                confidence = filter.share(row, CONFIDENCE_TOKENS, p)
                p.tokens[0]
            } else {
                bestToken(logits, 0, size, slot)
            }
        drafted += 1
        reserve(slot + 2)
        history[slot + 1] = token
        return token
    }

    private fun drawnDraft(
        logits: FloatBuffer,
        size: Int,
        slot: Int,
    ): Int {
        if (drafted == drawn.size) drawn.add(Distribution())
        val q = drawn[drafted]
        distribution(logits, 0, size, slot, q)
        val token = draw(q, chance(slot + 1, Purpose.DRAFT))
        confidence = q.weightOf(token)
        numDrawn += 1
        return token
    }

    /** The distribution of the token after [slot], from [size] of [logits] from [begin] on, in [result]. */
    internal fun distribution(
        logits: FloatBuffer,
        begin: Int,
        size: Int,
        slot: Int,
        result: Distribution,
    ) {
        row.read(logits, begin, size, slot)
        if (sampling.isPenalised) {
            val end = slot + 1
            val from = maxOf(0, end - sampling.repetitionWindow)
            row.penalise(logits, begin, history, from, end, sampling.repetitionPenalty)
        }
        filter.apply(row, sampling, result)
    }

    private fun reserve(size: Int) {
        if (history.size < size) history = history.copyOf(maxOf(size, 2 * history.size))
    }

    private companion object {
        const val FIRST_SIZE = 4096
        const val NO_DRAFT = -1
        const val CONFIDENCE_TOKENS = 8
    }
}
