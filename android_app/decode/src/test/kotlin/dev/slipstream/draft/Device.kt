package dev.slipstream.draft

import dev.slipstream.decode.DraftSource
import dev.slipstream.sampling.splitmix

/** As runtime_spec/vectors/device.py: what rounds cost. */
internal class Device(
    val widths: IntArray,
    val passes: LongArray,
    val firstDraft: Long,
    val nextDraft: Long,
    val replan: Long,
    val noise: Int,
    val outlierEvery: Int,
    val outlierNanos: Long,
    val heat: Int,
    val heatFrom: Int,
    val heatTokens: Int,
    val isAtOnce: Boolean = false,
)

/** As runtime_spec/vectors/device.py: which drafts are right. */
internal class Text(
    val begins: IntArray,
    val rates: IntArray,
    val bursts: Int,
    val burstRate: Int,
    val spread: Int,
    val matches: Int,
    val matchRates: IntArray = intArrayOf(300, 500, 700, 850),
)

/** Rounds of [device] and [text] under the random numbers of [seed]; its fields are the latest round's. */
internal class Play(
    private val device: Device,
    private val text: Text,
    seed: Int,
) {
    private val streams = LongArray(8) { splitmix((seed.toLong() shl 3) + it) }
    private val steps = IntArray(device.widths.last() + 1) { -1 }
    private var token = 0
    private var index = 0
    var source: DraftSource? = null
        private set
    var planned = 0
        private set
    var drafted = 0
        private set
    var accepted = 0
        private set
    private var draftNanos = 0L

    /** What all rounds took. */
    var nanos = 0L
        private set

    fun round(
        policy: Auto,
        mostAllowed: Int,
    ) {
        val position = FIRST_POSITION + token
        val match = match()
        val most = minOf(mostAllowed, device.widths.last() - 1)
        source = null
        planned = 0
        drafted = 0
        accepted = 0
        draftNanos = 0
        if (most > 0) {
            val plan = policy.plan(position, most, match)
            source = plan.source
            planned = plan.count
        }
        if (planned > 0) draft(policy, position, match)
        val took = draftNanos + pass(position)
        policy.observe(position, drafted, accepted, draftNanos, took, matched(match))
        nanos += took
        token += accepted + 1
        index += 1
    }

    private fun draft(
        policy: Auto,
        position: Int,
        match: Int,
    ) {
        val isModel = source == DraftSource.DRAFTER
        var isRight = true
        while (drafted < planned) {
            val place = (token + drafted).toLong()
            val chance = if (isModel) ease(token + drafted) else text.matchRates[match - 2]
            isRight = isRight && below(if (isModel) DRAFT else LOOKUP, place, 1000) < chance
            drafted += 1
            if (isRight) accepted += 1
            if (isModel && drafted < planned && !policy.goesOn(drafted, chance / 1000.0, made())) break
        }
        if (isModel) {
            val nanos = heated(device.firstDraft + (made() - 1) * device.nextDraft) + replan(0, position) / 4
            draftNanos = noisy(nanos, 1)
        }
    }

    /** How many drafts the model has made by now. */
    private fun made() = if (device.isAtOnce) planned else drafted

    /** How many of the tokens that the round emits the match has right. */
    private fun matched(match: Int): Int {
        var count = 0
        if (match == 0) return 0
        while (count <= accepted &&
            below(LOOKUP, (token + count).toLong(), 1000) < text.matchRates[match - 2]
        ) {
            count += 1
        }
        return count
    }

    private fun pass(position: Int): Long {
        val width = device.widths.indexOfFirst { it > drafted }
        val newest = position + device.widths[width] - 1
        val nanos = noisy(heated(device.passes[width]) + replan(device.widths[width], newest), 0)
        val isOutlier = device.outlierEvery > 0 && below(OUTLIER, index.toLong(), device.outlierEvery) == 0
        return if (isOutlier) nanos + device.outlierNanos else nanos
    }

    private fun replan(
        graph: Int,
        newest: Int,
    ): Long {
        val step = newest / 128
        val isPlanned = steps[graph] == step
        steps[graph] = step
        return if (isPlanned) 0 else device.replan
    }

    private fun heated(nanos: Long): Long {
        if (device.heat == 0) return nanos
        val warmed = maxOf(0, minOf(token - device.heatFrom, device.heatTokens))
        return nanos * (1000 + device.heat * warmed / device.heatTokens) / 1000
    }

    private fun noisy(
        nanos: Long,
        part: Int,
    ): Long = nanos * (1000 + below(NOISE, 2L * index + part, 2 * device.noise + 1) - device.noise) / 1000

    private fun ease(token: Int): Int {
        var rate = text.rates[text.begins.indexOfLast { it <= token }]
        if (text.bursts > 0 && below(BURST, (token / text.bursts).toLong(), 2) == 0) rate = text.burstRate
        if (text.spread > 0) rate += below(EASE, token.toLong(), 2 * text.spread + 1) - text.spread
        return maxOf(0, minOf(1000, rate))
    }

    private fun match(): Int {
        val block = (token / 24).toLong()
        if (text.matches == 0 || below(MATCH, block, 1000) >= text.matches) return 0
        return 2 + below(MATCH_LENGTH, block, 4)
    }

    private fun below(
        purpose: Int,
        number: Long,
        bound: Int,
    ): Int = ((splitmix(streams[purpose] xor number) ushr 33) % bound).toInt()

    private companion object {
        const val FIRST_POSITION = 20
        const val NOISE = 0
        const val OUTLIER = 1
        const val DRAFT = 2
        const val EASE = 3
        const val MATCH = 4
        const val MATCH_LENGTH = 5
        const val LOOKUP = 6
        const val BURST = 7
    }
}
