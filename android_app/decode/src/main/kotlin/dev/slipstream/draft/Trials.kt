package dev.slipstream.draft

/**
 * When something is tried that is not known to pay, and what that may cost: the trial at hand ([kind], [count] drafts,
 * [left] rounds), the [account] of what trials may lose, and when each of [kinds] may be tried next.
 *
 * All amounts are rounds of plain decoding.
 */
internal class Trials(
    kinds: Int,
) {
    private val next = DoubleArray(kinds)
    private val waits = DoubleArray(kinds) { FIRST_WAIT }
    private var clock = 0.0

    var account = ALLOWANCE
    var kind = NONE
        private set
    var count = 0
        private set
    var left = 0
        private set
    var nanos = 0L
        private set

    /** Whether [kind] has waited long enough, and the account can bear what is expected. */
    fun isDue(
        kind: Int,
        expectedLoss: Double,
    ): Boolean = clock >= next[kind] && account >= minOf(expectedLoss, MOST_SAVED)

    fun isWaiting(kind: Int): Boolean = clock < next[kind]

    fun begin(
        kind: Int,
        count: Int,
        rounds: Int,
    ) {
        this.kind = kind
        this.count = count
        left = rounds
    }

    /** A round of the trial took [nanos] and gave [loss] less than the best known would have. */
    fun spend(
        nanos: Long,
        loss: Double,
    ) {
        this.nanos += nanos
        account = maxOf(account - maxOf(loss, 0.0), -MOST_OWED)
        left -= 1
    }

    /** The round after a trial took [excess] more than it should have: what it needs was out of the processor's cache. */
    fun charge(excess: Double) {
        account = maxOf(account - maxOf(excess, 0.0), -MOST_OWED)
    }

    /** [amount] has passed, in which decoding was by [ahead] (>= 0.0) faster than plainly. */
    fun passTime(
        amount: Double,
        ahead: Double,
    ) {
        clock += amount
        account = minOf(account + (SHARE + REPAID * ahead) * amount, MOST_SAVED)
    }

    /** Ends the trial. One that failed is repeated after a wait, which doubles as long as it keeps failing. */
    fun end(hasWon: Boolean) {
        if (hasWon) {
            waits[kind] = FIRST_WAIT
            next[kind] = clock
        } else {
            fail(kind)
        }
        kind = NONE
        left = 0
    }

    /** What was known of a source holds no more: the text has changed. */
    fun alarm() {
        account = minOf(account, 0.0) - ALARM
        pause()
    }

    /** How long [kind] still waits. */
    fun waitLeft(kind: Int): Double = maxOf(next[kind] - clock, 0.0)

    /** How long [kind] will wait after its next failure. */
    fun nextWait(kind: Int): Double = waits[kind]

    /** Goes on with a [waitLeft] and a [nextWait] of another time. */
    fun takeWait(
        kind: Int,
        left: Double,
        wait: Double,
    ) {
        next[kind] = clock + left
        waits[kind] = maxOf(FIRST_WAIT, minOf(wait, LONGEST_WAIT))
    }

    /** No width is tried with the model's drafts for a while: what speaks against one hardly speaks for another. */
    private fun pause() {
        for (kind in DRAFTER until next.size) next[kind] = maxOf(next[kind], clock + FIRST_WAIT)
    }

    private fun fail(kind: Int) {
        next[kind] = clock + waits[kind]
        waits[kind] = minOf(2.0 * waits[kind], LONGEST_WAIT)
        if (kind >= DRAFTER) pause()
    }

    internal companion object {
        /** Kinds: plain decoding, drafts of a match of n tokens (NGRAM + n − 2), the model's with the i-th width (DRAFTER + i). */
        const val PLAIN = 0
        const val NGRAM = 1
        const val DRAFTER = 5
        const val NONE = -1

        /** Of all time, what trials may lose. */
        private const val SHARE = 0.01

        /** Of what is gained over plain decoding, the part that pays for trials: a choice that wins pays for the search. */
        private const val REPAID = 0.1
        private const val ALLOWANCE = 1.25
        const val MOST_SAVED = 1.75
        private const val MOST_OWED = 4.0

        /** What an alarm costs the account; what was saved is spent then. */
        private const val ALARM = 0.5
        private const val FIRST_WAIT = 64.0
        private const val LONGEST_WAIT = 2048.0
    }
}
