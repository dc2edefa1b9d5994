package dev.slipstream.draft

import kotlin.math.abs

/**
 * What a pass of each of [widths], ascending from 1, and as many drafts of the model as they hold cost on this device,
 * now.
 *
 * A cost is a relative cost times the level. The level is what all costs share, a device that grows hot or is loaded: it
 * follows every round. Relative costs are medians, and hold while a width is not used; where it comes back they are
 * measured again, at the level of the time. Times are nanoseconds.
 */
internal class Costs(
    val widths: IntArray,
) {
    private val most = widths.last() - 1

    /** For each number of drafts, the narrowest width that holds them. */
    private val indexOf = IntArray(most + 1) { count -> widths.indexOfFirst { it > count } }
    private val passes = Array(widths.size) { RecentMedian(PASS_ROUNDS) }
    private val drafts = Array(most + 1) { RecentMedian(DRAFT_ROUNDS) }
    private val replans = RecentMedian(REPLAN_ROUNDS)
    private val levels = RecentMedian(KEPT)
    private val relative = DoubleArray(widths.size)
    private val draftRelative = DoubleArray(most + 1)
    private val bounds = DoubleArray(widths.size)
    private val boundNanos = LongArray(widths.size)
    private val measuredNanos = LongArray(widths.size)
    private val measuredLevel = DoubleArray(widths.size) { 1.0 }
    private val added = LongArray(widths.size)
    private val skipped = LongArray(widths.size)

    /** Costs of another time, which are as old as can be. */
    private val isKnown = BooleanArray(widths.size)
    private val step = IntArray(widths.size + 1) { NEVER }
    private val round = LongArray(widths.size + 1) { NEVER.toLong() }
    private var rounds = 0L
    private var level = 1.0
    private var isLevelOpen = false
    private var firstNanos = 0.0
    private var draftsMeasuredNanos = NEVER.toLong()

    /** Of all rounds. */
    var nanos = 0L
        private set

    /**
     * A round at [position] with [drafted] drafts took [roundNanos], of which [draftNanos] for drafting; the model made [made]
     * drafts (0: it did not draft).
     */
    fun observe(
        position: Int,
        drafted: Int,
        made: Int,
        draftNanos: Long,
        roundNanos: Long,
    ) {
        val index = indexOf[drafted]
        rounds += 1
        nanos += roundNanos
        val passed = (roundNanos - draftNanos).toDouble()
        if (isRegular(index, stepOf(index, position))) {
            addPass(index, passed)
        } else if (passes[index].count >= MEASURED) {
            replans.add(maxOf(passed / level - relative[index], 0.0))
        } else if (index == 0 && passes[0].count == 0) {
            firstNanos = passed
        } else if (passes[index].count == 0) {
            bounds[index] = minOf(passed - REPLAN_NANOS, WORST * relative[0] * level) / level
            boundNanos[index] = nanos
            extend()
        }
        if (made > 0 && isRegular(widths.size, position / STEP_SLOTS)) {
            val value = draftNanos.toDouble() / level
            if (value <= PLAUSIBLE * relative[0] * made.toDouble()) {
                drafts[made].add(value)
                draftsMeasuredNanos = nanos
                extendDrafts()
            }
        }
    }

    /** The index of the narrowest width that holds [count] drafts. */
    fun index(count: Int): Int = indexOf[count]

    /** Of a pass of widths[[index]]; estimated from the others until it is measured. */
    fun passNanos(index: Int): Double = relative[index] * level

    /** Of [count] drafts of the model. */
    fun draftNanos(count: Int): Double = draftRelative[count] * level

    /** Of a round with [count] drafts; the model's take time of their own. */
    fun roundNanos(
        count: Int,
        isModel: Boolean,
    ): Double {
        val passed = relative[indexOf[count]] * level
        return if (isModel) passed + draftRelative[count] * level else passed
    }

    /** What planning anew will add to a pass at [position], as far as is known. */
    fun replanNanos(
        index: Int,
        position: Int,
    ): Double = if (step[index] == stepOf(index, position)) 0.0 else replans.value * level

    fun isMeasured(index: Int): Boolean = passes[index].count >= MEASURED

    /** Rounds of a pass of widths[[index]] that its cost was taken from. */
    fun passCount(index: Int): Int = passes[index].count

    /** Whether the cost of [count] drafts has been measured. */
    fun isDraftMeasured(count: Int): Boolean = drafts[count].count > 0

    /** Whether it is known what the model's drafts cost. */
    fun hasDrafts(): Boolean = draftsMeasuredNanos != NEVER.toLong()

    /** Whether the latest round has shown what a pass of widths[[index]] costs. */
    fun isFresh(index: Int): Boolean = measuredNanos[index] == nanos

    /** Whether any width but 1 has run or is known. */
    fun isTried(): Boolean {
        for (index in 1 until widths.size) if (step[index] != NEVER || passes[index].count > 0) return true
        return false
    }

    /** What a pass may cost at best: the less, the longer ago it was measured and the more the level has moved. */
    fun hopedNanos(index: Int): Double {
        if (passes[index].count == 0) return relative[index] * level
        val age = age(measuredNanos[index]) + (if (isKnown[index]) STALE else 0.0)
        val shift = level / measuredLevel[index] - 1.0
        var hoped = relative[index] * level
        if (index > 0 && added[index] < LEARNT) {
            hoped = maxOf(hoped - WARMING_NANOS, minOf(hoped, relative[0] * level))
        }
        return hoped / (1.0 + age + LEVEL_SHIFT * abs(shift))
    }

    /** What [count] drafts of the model may cost at best. */
    fun hopedDraftNanos(count: Int): Double {
        val age = if (hasDrafts()) age(draftsMeasuredNanos) else 0.0
        return draftRelative[count] * level / (1.0 + age)
    }

    /** A cost that was measured another time: true in relation to the others, whatever the level is now. */
    fun importPass(
        index: Int,
        nanos: Double,
    ) {
        repeat(KEPT) { passes[index].add(nanos) }
        isLevelOpen = true
        isKnown[index] = true
        extend()
    }

    /** What a pass of widths[[index]], not measured yet, takes at least, by its first round; 0.0 if it has had none. */
    fun boundNanos(index: Int): Double = if (passes[index].count == 0) bounds[index] * level else 0.0

    /** A [boundNanos] of another time, of a width that has no cost. */
    fun importBound(
        index: Int,
        nanos: Double,
    ) {
        bounds[index] = nanos
        extend()
    }

    fun importDrafts(
        count: Int,
        nanos: Double,
    ) {
        drafts[count].add(nanos)
        draftsMeasuredNanos = this.nanos
        extendDrafts()
    }

    /** Of what was measured at [then]. */
    private fun age(then: Long): Double {
        val plain = relative[0] * level
        val passed = (nanos - then).toDouble()
        return if (plain > 0.0) passed / FADING_NANOS + passed / (FADING_ROUNDS * plain) else 0.0
    }

    private fun stepOf(
        index: Int,
        position: Int,
    ) = (position + widths[index] - 1) / STEP_SLOTS

    private fun isRegular(
        index: Int,
        now: Int,
    ): Boolean {
        val isRegular = step[index] == now && rounds - round[index] <= WARM_ROUNDS
        step[index] = now
        round[index] = rounds
        return isRegular
    }

    private fun addPass(
        index: Int,
        passed: Double,
    ) {
        val ring = passes[index]
        if (isLevelOpen && ring.count > 0) {
            // What was imported says nothing of the level.
            levels.add(passed / ring.value)
            level = levels.value
            if (levels.count == KEPT) isLevelOpen = false
            isKnown[index] = false
        } else {
            if (!addRelative(index, ring, passed)) return
        }
        measuredNanos[index] = nanos
        measuredLevel[index] = level
    }

    /** Whether the round says something. */

    private fun addRelative(
        index: Int,
        ring: RecentMedian,
        passed: Double,
    ): Boolean {
        val shift = level / measuredLevel[index] - 1.0
        if (isKnown[index] || age(measuredNanos[index]) > STALE || abs(shift) > SHIFTED) {
            // It comes back: the level may have been that of other widths alone.
            ring.keep(1)
            added[index] = 0
            isKnown[index] = false
        }
        val value = passed / level
        val isLearnt = added[index] >= LEARNT
        val most = PLAUSIBLE * relative[0] * widths[index].toDouble()
        if (index > 0 && !isLearnt && value > most) return false
        if (isLearnt) {
            level *= 1.0 + LEVEL_GAIN * maxOf(-LEVEL_CLIP, minOf(LEVEL_CLIP, value / ring.value - 1.0))
            skipped[index] += 1L
        }
        if (!isLearnt || ring.count < PASS_ROUNDS || skipped[index] >= RENEWED) {
            ring.add(value)
            added[index] += 1L
            skipped[index] = 0
            extend()
            if (index == 0 && ring.count == MEASURED && firstNanos > 0.0) {
                // Its first round of all has shown what planning takes.
                replans.add(maxOf(firstNanos / level - relative[0], 0.0))
                firstNanos = 0.0
            }
        }
        return true
    }

    /** Costs of all widths and numbers of drafts, from those that were measured. */
    private fun extend() {
        var low = 0
        var slope = ROW_PRIOR * passes[0].value
        for (index in widths.indices) {
            // Between a flat and a straight line: kernels compute in tiles of rows.
            var value = relative[low] + 0.5 * slope * (widths[index] - widths[low]).toDouble()
            val bound = bounds[index] / (1.0 + age(boundNanos[index]))
            val isMeasured = passes[index].count > 0
            val isSeen = isMeasured || bound > value
            if (isMeasured) {
                value = passes[index].value
            } else if (isSeen) {
                value = bound
            }
            relative[index] = value
            if (isSeen && index > 0) {
                slope = maxOf(value - relative[low], 0.0) / (widths[index] - widths[low]).toDouble()
                low = index
            }
        }
        for (index in widths.size - 2 downTo 1) {
            if (passes[index].count == 0 && passes[index + 1].count > 0) {
                relative[index] = minOf(relative[index], relative[index + 1])
            }
        }
        extendDrafts()
    }

    private fun extendDrafts() {
        var unit = DRAFT_PRIOR * relative[0]
        for (count in 1 until drafts.size) {
            if (drafts[count].count > 0) unit = drafts[count].value / count.toDouble()
        }
        for (count in drafts.size - 1 downTo 1) {
            if (drafts[count].count > 0) {
                draftRelative[count] = drafts[count].value
                unit = drafts[count].value / count.toDouble()
            } else {
                draftRelative[count] = unit * count.toDouble()
            }
        }
    }

    private companion object {
        /** The graphs read the cache in steps of so many slots; a pass that is the first to read one more is planned anew. */
        const val STEP_SLOTS = 128

        /** More than planning anew takes. */
        const val REPLAN_NANOS = 50_000_000.0

        /** A width that has not run for so many rounds is cold: its next round is not representative. */
        const val WARM_ROUNDS = 32L

        /** By so much its next rounds may be slower than later ones: code and weights have left the processor's cache. */
        const val WARMING_NANOS = 300_000.0
        const val MEASURED = 2

        /** Rounds of a width after which its relative cost is known, and what differs is the level. */
        const val LEARNT = 4L
        const val PASS_ROUNDS = 15
        const val DRAFT_ROUNDS = 7
        const val REPLAN_ROUNDS = 5

        /** A relative cost that is known is still mended, by one round in so many. */
        const val RENEWED = 16L
        const val KEPT = 3

        /** A relative cost is measured again where its age is more, or the level has moved by more since. */
        const val STALE = 1.0 / 3.0
        const val SHIFTED = 0.15

        /**
         * A cost that has not been measured for so long, which is an age of 1, may have halved. Rounds are plain
         * decoding's: what was measured wrongly on a fast device is not to last for tens of thousands of tokens.
         */
        const val FADING_NANOS = 60_000_000_000.0
        const val FADING_ROUNDS = 4096.0
        const val LEVEL_GAIN = 0.1
        const val LEVEL_CLIP = 0.35
        const val LEVEL_SHIFT = 2.0

        /** Until there is better: a row more and a draft cost so many passes of width 1. */
        const val ROW_PRIOR = 0.1
        const val DRAFT_PRIOR = 0.08

        /**
         * A pass costs no more than decoding its rows one by one, and a draft no more than a token, each so many times:
         * what took longer was delayed by something else.
         */
        const val PLAUSIBLE = 1.5
        const val WORST = 8.0
        const val NEVER = -1
    }
}
