package dev.slipstream.draft

import dev.slipstream.sampling.splitmix

/** As runtime_spec/vectors/decisions.py: play [number], drawn from its number. */
internal class DrawnPlay(
    private val number: Int,
) {
    private var state = number.toLong()
    private val widths = WIDTH_SETS[below(WIDTH_SETS.size)]
    private val costs = costs()
    private val text = text()
    private val hasDrafter = below(4) > 0
    private val isContinued = below(3) == 0
    private val device = costs(below(2) == 0)

    /** The lines that the play adds to the digest. */
    fun lines(
        rounds: Int,
        knownText: (Auto) -> String,
        continued: (Auto) -> Auto,
    ): List<String> {
        var policy = Auto(widths.toIntList(), hasDrafter)
        val play = Play(device, text, number)
        val lines = ArrayList<String>()
        for (i in 0 until rounds) {
            if (isContinued && 2 * i == rounds) policy = continued(policy)
            play.round(policy, 29 - i % 30)
            val letter = play.source?.traceName?.first() ?: '-'
            lines += "$letter${play.planned} ${play.drafted} ${play.accepted}"
        }
        return lines + knownText(policy)
    }

    fun newPolicy(): Auto = Auto(widths.toIntList(), hasDrafter)

    private fun costs(): (Boolean) -> Device {
        val plain = 500_000L + below(200_000_000)
        val rise = below(300)
        val firstDraft = plain * (20 + below(200)) / 1000
        val nextDraft = firstDraft * (500 + below(501)) / 1000
        val replan = plain * below(400) / 1000
        val noise = below(101)
        val outlierEvery = if (below(3) == 0) below(60) else 0
        val outlierNanos = 300_000_000L + below(700_000_001)
        val heat = if (below(3) == 0) below(1001) else 0
        val heatFrom = below(100)
        val passes = LongArray(widths.size) { plain + plain * rise * (widths[it] - 1) / 1000 }
        return { isAtOnce ->
            Device(
                widths,
                passes,
                firstDraft,
                nextDraft,
                replan,
                noise,
                outlierEvery,
                outlierNanos,
                heat,
                heatFrom,
                100,
                isAtOnce,
            )
        }
    }

    private fun text(): Text {
        val first = 300 + below(700)
        val begin = below(200)
        val second = 300 + below(700)
        val bursts = if (below(3) == 0) 20 else 0
        return Text(intArrayOf(0, begin), intArrayOf(first, second), bursts, below(1000), below(500), below(600))
    }

    private fun below(bound: Int): Int {
        val value = splitmix(state)
        state += -0x61c8864680b583ebL
        return ((value ushr 33) % bound).toInt()
    }

    private companion object {
        val WIDTH_SETS =
            listOf(
                intArrayOf(1, 3, 5),
                intArrayOf(1, 2, 3, 4, 5),
                intArrayOf(1, 3, 5, 7),
                intArrayOf(1, 4, 8),
                intArrayOf(1, 5),
            )
    }
}
