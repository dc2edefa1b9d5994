package dev.slipstream.sampling

import dev.slipstream.errors.UsageException

/**
 * How tokens are chosen (DECODE.md, *Sampling*): greedily, unless said otherwise.
 *
 * [topK] 0 keeps all; [topP] 1 and [minP] 0 are off. The penalty looks at the last [repetitionWindow] tokens. All
 * random numbers are made from [seed]. UsageException names a parameter that is not allowed.
 */
public data class Sampling(
    val temperature: Double = 0.0,
    val topK: Int = 0,
    val topP: Double = 1.0,
    val minP: Double = 0.0,
    val repetitionPenalty: Double = 1.0,
    val repetitionWindow: Int = 0,
    val seed: Long = 0,
    val drafts: DraftChoice = DraftChoice.DRAWN,
) {
    init {
        check("temperature", temperature.isFinite() && temperature >= 0, "a number of at least 0", temperature)
        check("top_k", topK >= 0, "a whole number of at least 0", topK)
        check("top_p", topP > 0 && topP <= 1, "a number above 0, at most 1", topP)
        check("min_p", minP >= 0 && minP < 1, "a number of at least 0, below 1", minP)
        check(
            "repetition_penalty",
            repetitionPenalty.isFinite() && repetitionPenalty > 0,
            "a number above 0",
            repetitionPenalty,
        )
        check("repetition_window", repetitionWindow >= 0, "a whole number of at least 0", repetitionWindow)
        check("seed", seed >= 0, "a whole number from 0 to 2^63 - 1", seed)
    }

    /** Whether repeated tokens are made less likely, or more. */
    public val isPenalised: Boolean get() = repetitionPenalty != 1.0 && repetitionWindow > 0

    /** Whether every token is the largest logit's: nothing is drawn or penalised. */
    public val isGreedy: Boolean get() = temperature == 0.0 && !isPenalised

    /** Whether the drafter draws. */
    public val drawsDrafts: Boolean get() = drafts == DraftChoice.DRAWN && temperature > 0

    /** By the parameters' names, as `--json` prints them. */
    public fun fields(): Map<String, Any> =
        mapOf(
            "temperature" to temperature,
            "top_k" to topK,
            "top_p" to topP,
            "min_p" to minP,
            "repetition_penalty" to repetitionPenalty,
            "repetition_window" to repetitionWindow,
            "seed" to seed,
            "drafts" to drafts.specName,
        )

    private fun check(
        name: String,
        isAllowed: Boolean,
        expected: String,
        found: Any,
    ) {
        if (isAllowed) return
        throw UsageException(
            "$name is not allowed",
            expected = expected,
            found = "$found",
            where = "sampling, $name",
            action = "Choose $name as expected, or leave it out.",
        )
    }

    public companion object {
        /** The largest logit, always. */
        public val GREEDY: Sampling = Sampling()
    }
}
