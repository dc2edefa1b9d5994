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
    private val best = BestToken()
    private val filter = Filter()
    private val block = Block()
    private val row = LogitRow()

    /** The target's, of each row of a pass. */
    private val p = arrayListOf(Distribution())

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
     * first that is not the draft; later rows are looked at only where the drafts were drawn.
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
        if (sampling.isGreedy) {
            for (i in 0 until tokens.size) result.add(best.of(logits, i * size, size, position + i))
        } else if (wereDrawn(tokens, position)) {
            while (p.size < tokens.size) p.add(Distribution())
            for (i in 0 until tokens.size) distribution(logits, i * size, size, position + i, p[i])
            sayDrawn(p, drawn, drawnFrom, tokens.size - 1, position + 1, result)
        } else {
            for (i in 0 until tokens.size) {
                distribution(logits, i * size, size, position + i, p[0])
                result.add(draw(p[0], chance(position + i + 1, CHOOSE)))
                if (i + 1 == tokens.size || result[i] != tokens[i + 1]) break
            }
        }
        forgetDrafts()
    }

    /** Whether [tokens], from the second on, are what was drawn in this round, or the beginning of it. */
    private fun wereDrawn(
        tokens: IntList,
        position: Int,
    ): Boolean {
        if (firstDrawn != position + 1 || tokens.size - 1 !in 1..drawn.size) return false
        for (i in 1 until tokens.size) if (tokens[i] != drawn[i - 1]) return false
        return true
    }

    /**
     * What a target with distributions [p] says where the first [count] of [drafts] stand from [slot] on and were
     * drawn from [q]: it keeps as many as block verification says, and makes up for the next by what [p] has more of.
     */
    internal fun sayDrawn(
        p: List<Distribution>,
        drafts: IntList,
        q: List<Distribution>,
        count: Int,
        slot: Int,
        result: MutableIntList,
    ) {
        val kept = block.verify(p, drafts, q, count, sampling.seed, slot)
        for (i in 0 until kept) result.add(drafts[i])
        for (i in kept..count) {
            result.add(draw(if (i == kept) block.rest else p[i], chance(slot + i, CHOOSE)))
            // A token that is drawn may be the draft, and the loop then wants one more: p may stand in for an empty rest.
            if (i == count || result[i] != drafts[i]) break
        }
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
                confidence = filter.share(row, CONFIDENCE_TOKENS, p[0])
                p[0].tokens[0]
            } else {
                best.of(logits, 0, size, text.size - 1)
            }
        text.add(token)
        return token
    }

    /**
     * Notes the next draft, a greedy one that the drafter's graph chose: [token], whose eight largest logits stand in
     * row [index] of [largest], descending. [confidence] is computed if it is [wanted][wantsConfidence].
     *
     * RuntimeLibraryException where the first, and so any logit of the row, is infinite or not a number.
     */
    public fun chosenDraft(
        token: Int,
        largest: FloatBuffer,
        index: Int,
        wantsConfidence: Boolean,
    ) {
        val begin = index * CONFIDENCE_TOKENS
        val first = largest.get(begin)
        if (!first.isFinite()) throw notFinite(first, token, CONFIDENCE_TOKENS, text.size - 1)
        if (wantsConfidence) {
            row.read(largest, begin, CONFIDENCE_TOKENS, text.size - 1)
            confidence = filter.share(row, CONFIDENCE_TOKENS, p[0])
        }
        text.add(token)
    }

    private fun drawnDraft(
        logits: FloatBuffer,
        size: Int,
        wantsConfidence: Boolean,
    ): Int {
        if (drawn.size == drawnFrom.size) drawnFrom.add(Distribution())
        val q = drawnFrom[drawn.size]
        distribution(logits, 0, size, text.size - 1, q)
        val token = draw(q, chance(text.size, draftPurpose(drawn.size)))
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
        const val UNKNOWN = -1
        const val CONFIDENCE_TOKENS = 8
    }
}
