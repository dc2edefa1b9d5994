package dev.slipstream.draft

import androidx.collection.IntList
import dev.slipstream.decode.DraftSource
import dev.slipstream.decode.Round

/**
 * What pays by measured goodput, plain decoding among it (runtime_spec/DECODE.md, *The automatic draft length*): for a
 * bundle with passes of [verifyWidths], ascending from 1, and, if [hasDrafter], a model that drafts.
 *
 * Keep one as long as the models stay loaded; [exportKnown] and [importKnown] keep what it learnt for longer. Rounds
 * allocate nothing. For one thread.
 */
public class Auto(
    verifyWidths: IntList,
    private val hasDrafter: Boolean,
) : Policy {
    internal val widths = IntArray(verifyWidths.size) { verifyWidths[it] }
    internal val mostDrafts = widths.last() - 1
    internal val costs = Costs(widths)
    internal val drafter = Acceptance(mostDrafts, DRAFTER_PRIOR)
    internal val ngrams = NGRAM_PRIORS.map { Acceptance(mostDrafts, it) }
    internal val confidence = Confidence()
    internal var isKnown = false
    internal var mustCheck = false

    private val goodput = Goodput(costs, drafter, ngrams)
    internal val trials = Trials(Trials.DRAFTER + widths.size)
    override val looksUp: Boolean get() = true
    private val drafterPlans = Array(mostDrafts + 1) { DraftPlan(DraftSource.DRAFTER, it) }
    private val ngramPlans = Array(mostDrafts + 1) { DraftPlan(DraftSource.NGRAM, it) }
    internal var tokens = 0L
        private set
    internal var knownTokens = 0L

    // The round at hand.
    private var kind = Trials.PLAIN
    private var count = 0
    private var match = 0
    private var made = 0
    private var isTrial = false
    private var wasTrial = false
    private var reach = 1.0
    private val bins = IntArray(mostDrafts + 1)
    private var binCount = 0

    override fun plan(
        position: Int,
        most: Int,
        match: Int,
    ): DraftPlan {
        forgetPlan()
        this.match = match
        val allowed = minOf(most, mostDrafts)
        if (allowed < 1 || !hasPlain()) return DraftPlan.PLAIN
        fade()
        goodput.choose(allowed)
        val tried = trials.kind
        if (tried == Trials.PLAIN || (tried >= Trials.DRAFTER && trials.count <= allowed)) {
            return planned(trials.kind, trials.count, true)
        }
        if (match >= SHORTEST_MATCH) {
            val kind = Trials.NGRAM + match - SHORTEST_MATCH
            val sure = goodput.matched(kind, allowed)
            val trial = ngramTrial(kind, sure, allowed, position)
            if (trial > 0) {
                trials.begin(kind, trial, 1)
                return planned(kind, trial, true)
            }
            if (sure > 0) return planned(kind, sure, false)
        }
        if (beginsTrial(allowed, position)) return planned(trials.kind, trials.count, true)
        val used = goodput.used
        return planned(if (used > 0) Trials.DRAFTER else Trials.PLAIN, used, false)
    }

    override fun goesOn(
        drafted: Int,
        confidence: Double,
        made: Int,
    ): Boolean {
        this.made = made
        val bin = Confidence.bin(confidence)
        bins[binCount] = bin
        binCount += 1
        reach *= this.confidence.rate(bin)
        return isTrial || goodput.goesOn(reach, drafted, count, made > drafted)
    }

    override fun observe(
        round: Round,
        draftNanos: Long,
        nanos: Long,
        matched: Int,
    ) {
        observe(round.position, round.draftTokens.size, round.numAccepted, draftNanos, nanos, matched)
    }

    /** [observe] of a round at [position] with [drafted] drafts, the first [accepted] of which were right. */
    internal fun observe(
        position: Int,
        drafted: Int,
        accepted: Int,
        draftNanos: Long,
        nanos: Long,
        matched: Int,
    ) {
        val kind = if (drafted > 0 || this.kind == Trials.PLAIN) this.kind else Trials.NONE
        // Drafts that one call has made cost their time, whatever was kept of them.
        costs.observe(position, drafted, if (kind >= Trials.DRAFTER) maxOf(made, drafted) else 0, draftNanos, nanos)
        tokens += accepted + 1L
        val plain = costs.passNanos(0)
        if (plain == 0.0) return
        trials.passTime(minOf(nanos.toDouble() / plain, WORST_ROUND), ahead(kind, drafted, plain))
        if (kind >= Trials.NGRAM) addAcceptance(kind, drafted, accepted, plain)
        val isSeen = kind < Trials.NGRAM || kind >= Trials.DRAFTER
        if (match >= SHORTEST_MATCH && isSeen) addSeen(accepted + 1, matched)
        if (isTrial && kind != Trials.NONE) {
            addTrial(accepted, nanos, plain)
        } else if (wasTrial) {
            val excess = (nanos.toDouble() - costs.roundNanos(drafted, kind >= Trials.DRAFTER)) / plain
            trials.charge(minOf(excess, WORST_ROUND))
        }
        wasTrial = isTrial && kind > Trials.PLAIN
        forgetPlan()
    }

    /** By how much decoding as in this round, or as is known to be best, is faster than plainly. */
    private fun ahead(
        kind: Int,
        drafted: Int,
        plain: Double,
    ): Double {
        if (kind in Trials.NGRAM until Trials.DRAFTER && !isTrial) {
            return maxOf(goodput.expected(kind, drafted) * plain - 1.0, 0.0)
        }
        return if (goodput.used > 0) goodput.goal * plain - 1.0 else 0.0
    }

    override val probeNanos: Long get() = trials.nanos

    private fun addAcceptance(
        kind: Int,
        drafted: Int,
        accepted: Int,
        plain: Double,
    ) {
        val source = goodput.source(kind)
        source.fade(tokens)
        source.add(drafted, accepted)
        val passed = costs.roundNanos(drafted, kind >= Trials.DRAFTER)
        val loss: Double
        if (kind >= Trials.DRAFTER) {
            addConfidence(accepted)
            loss = passed / plain - (accepted + 1).toDouble()
        } else {
            loss = passed / plain - (accepted + 1).toDouble() / (goodput.goal * plain)
        }
        // What a trial loses is on its own account.
        if (!isTrial && source.balance(loss, DEFICIT, MOST_DEFICIT)) trials.alarm()
        source.estimate()
    }

    /** What a match would have been, had it been drafted from. */
    private fun addSeen(
        emitted: Int,
        matched: Int,
    ) {
        val source = ngrams[match - SHORTEST_MATCH]
        source.fade(tokens)
        source.see(minOf(emitted, mostDrafts), minOf(matched, mostDrafts))
        source.estimate()
    }

    private fun addConfidence(accepted: Int) {
        if (binCount == 0) return
        confidence.fade(tokens)
        for (i in 0 until minOf(accepted + 1, binCount)) confidence.add(bins[i], i < accepted)
    }

    private fun addTrial(
        accepted: Int,
        nanos: Long,
        plain: Double,
    ) {
        val kind = trials.kind
        val count = trials.count
        val goal = goodput.goal
        var most = WORST_ROUND
        if (costs.isMeasured(costs.index(count))) {
            // A round that is twice as long as it should be was delayed by something else.
            most = 2.0 * costs.roundNanos(count, kind >= Trials.DRAFTER) / plain
        }
        val loss = minOf(nanos.toDouble() / plain, most) - (accepted + 1).toDouble() / (goal * plain)
        // Plain decoding loses nothing against itself.
        trials.spend(nanos, if (kind == Trials.PLAIN) 0.0 else loss)
        if (kind == Trials.PLAIN) mustCheck = false
        val hasWon = goodput.expected(kind, count) > goal
        var isOver = trials.left <= 0
        // Not decided: it may go on as long as the account bears it.
        if (isOver && kind >= Trials.DRAFTER && !hasWon) isOver = trials.left <= -MORE || trials.account < 0.0
        // The first round of plain decoding may have shown nothing of its cost.
        val isHopeful = goodput.hoped(kind, count) > goal || (kind == Trials.PLAIN && !costs.isFresh(0))
        if (isOver || !isHopeful) trials.end(hasWon)
    }

    /** How many drafts of a match to try, more than [sure], which are known to pay; 0 if it is not to be tried. */
    private fun ngramTrial(
        kind: Int,
        sure: Int,
        most: Int,
        position: Int,
    ): Int {
        if (trials.isWaiting(kind) || !mayTry()) return 0
        val count = narrowestHopeful(kind, sure, most)
        if (count == 0) return 0
        return if (trials.isDue(kind, goodput.expectedLoss(kind, count, 1.0, position))) count else 0
    }

    private fun beginsTrial(
        most: Int,
        position: Int,
    ): Boolean {
        if (!mayTry()) return false
        if (goodput.used > 0 && checksPlain()) {
            trials.begin(Trials.PLAIN, 0, CHECK_ROUNDS)
            return true
        }
        if (!hasDrafter) return false
        val count = narrowestHopeful(Trials.DRAFTER, 0, most)
        if (count == 0) return false
        val kind = Trials.DRAFTER + costs.index(count)
        if (!trials.isDue(kind, goodput.expectedLoss(kind, count, EXPECTED_ROUNDS, position))) return false
        trials.begin(kind, count, TRIAL_ROUNDS)
        return true
    }

    /**
     * Whether plain decoding is to be measured again. No account must bear it: it makes nobody slower than plain decoding
     * is, and waits keep it rare.
     */
    private fun checksPlain(): Boolean {
        if (trials.isWaiting(Trials.PLAIN)) return false
        return if (mustCheck) tokens >= CHECK_TOKENS else goodput.hoped(Trials.PLAIN, 0) > goodput.goal
    }

    /**
     * The fewest drafts that fill a width and may be hoped to beat the goal, and those that are [sure] to; 0 if there are
     * none. What a trial of them shows of the acceptance holds for more drafts too. Before any width but 1 has run, only the narrowest counts.
     */
    private fun narrowestHopeful(
        kind: Int,
        sure: Int,
        most: Int,
    ): Int {
        val isTried = costs.isTried()
        val goal = if (sure == 0) goodput.goal else goodput.expected(kind, sure)
        for (index in costs.index(sure) + 1 until widths.size) {
            val count = widths[index] - 1
            if (count > most || (index > 1 && !isTried)) return 0
            val isBarred = kind >= Trials.DRAFTER && (count == goodput.used || trials.isWaiting(Trials.DRAFTER + index))
            if (!isBarred && goodput.hoped(kind, count) > goal * HOPED_GAIN) return count
        }
        return 0
    }

    private fun hasPlain() = isKnown || costs.passCount(0) >= PLAIN_ROUNDS

    private fun mayTry() = knownTokens + tokens >= FIRST_TRIAL_TOKENS

    private fun fade() {
        fade(drafter)
        for (i in ngrams.indices) fade(ngrams[i])
    }

    private fun fade(source: Acceptance) {
        if (tokens - source.tokens < FADING_TOKENS) return
        source.fade(tokens)
        source.estimate()
    }

    private fun planned(
        kind: Int,
        count: Int,
        isTrial: Boolean,
    ): DraftPlan {
        this.kind = kind
        this.count = count
        this.isTrial = isTrial
        if (count == 0) return DraftPlan.PLAIN
        return if (kind >= Trials.DRAFTER) drafterPlans[count] else ngramPlans[count]
    }

    /** Before a round, and after it: the loop does not ask where nothing may be drafted. */
    private fun forgetPlan() {
        kind = Trials.PLAIN
        count = 0
        isTrial = false
        match = 0
        made = 0
        reach = 1.0
        binCount = 0
    }

    internal companion object {
        const val SHORTEST_MATCH = 2

        /** Acceptance before there is evidence; of matches of 2, 3, 4 and 5 tokens. */
        val NGRAM_PRIORS = listOf(0.4, 0.5, 0.6, 0.7)
        private const val DRAFTER_PRIOR = 0.6

        /** Plain decoding is measured before anything is compared with it. */
        private const val PLAIN_ROUNDS = 3

        /** A reply of a word or two is not made slower to learn something: known results are for such. */
        private const val FIRST_TRIAL_TOKENS = 24L

        /** What was known is relied upon for so long before plain decoding is compared. */
        private const val CHECK_TOKENS = 12L
        private const val TRIAL_ROUNDS = 4
        private const val CHECK_ROUNDS = 3
        private const val MORE = 8
        private const val HOPED_GAIN = 1.03
        private const val EXPECTED_ROUNDS = 2.0
        private const val FADING_TOKENS = 16L

        /** Rounds of plain decoding that a source's drafts may lose before its evidence is doubted, and in any case. */
        private const val DEFICIT = 2.0
        private const val MOST_DEFICIT = 6.0

        /** A round that is longer counts as this long: it was something else than the width. */
        private const val WORST_ROUND = 16.0
    }
}
