package dev.slipstream.cli

import dev.slipstream.sampling.DraftChoice
import dev.slipstream.sampling.Sampling
import picocli.CommandLine.Option
import java.security.SecureRandom

/** How tokens are chosen: what is not named is as the checkpoint's makers sample. */
internal class SamplingOptions {
    @Option(names = ["--temperature"], paramLabel = "T", description = ["0 is greedy decoding"])
    var temperature: Double? = null

    @Option(names = ["--top-k"], paramLabel = "K|off", description = ["the K largest logits stay"])
    var topK: String? = null

    @Option(
        names = ["--top-p"],
        paramLabel = "P",
        description = ["the largest stay that together reach this share"],
    )
    var topP: Double? = null

    @Option(
        names = ["--min-p"],
        paramLabel = "P",
        description = ["those of at least this part of the largest's stay"],
    )
    var minP: Double? = null

    @Option(
        names = ["--repetition-penalty"],
        paramLabel = "X",
        description = ["divides logits of what was said; 1: off"],
    )
    var repetitionPenalty: Double? = null

    @Option(
        names = ["--repetition-window"],
        paramLabel = "N",
        description = ["of so many tokens back (default: all)"],
    )
    var repetitionWindow: Int? = null

    @Option(names = ["--seed"], paramLabel = "N", description = ["the same text each time, drafted or not"])
    var seed: Long? = null

    @Option(
        names = ["--drafts"],
        paramLabel = "drawn|greedy",
        description = ["how the drafter chooses (default: drawn, greedy with a seed)"],
    )
    var drafts: String? = null

    /** [own], the bundle's way, changed by what was named; a seed is drawn where none was. Throws UsageException. */
    fun sampling(own: Sampling): Sampling {
        val isFiltered = topK != null || topP != null || minP != null || repetitionPenalty != null
        val isNamed = isFiltered || repetitionWindow != null || seed != null || drafts != null
        // Nobody names a filter or a seed to have greedy decoding.
        val base = if (own.temperature == 0.0 && temperature == null && isNamed) 1.0 else own.temperature
        val window = if (repetitionPenalty != null) Int.MAX_VALUE else own.repetitionWindow
        val found =
            own.copy(
                temperature = temperature ?: base,
                topK = topK?.let(::topK) ?: own.topK,
                topP = topP ?: own.topP,
                minP = minP ?: own.minP,
                repetitionPenalty = repetitionPenalty ?: own.repetitionPenalty,
                repetitionWindow = repetitionWindow ?: window,
                seed = seed ?: (SecureRandom().nextLong() ushr 1),
                drafts = choice(),
            )
        return if (found.isGreedy) Sampling.GREEDY else found
    }

    private fun topK(text: String): Int {
        if (text == "off") return 0
        return text.toIntOrNull()?.takeIf { it > 0 }
            ?: throw usage("--top-k", "a whole number above 0, or off", text, "Say off to keep all logits.")
    }

    private fun choice(): DraftChoice =
        when (drafts) {
            "drawn" -> DraftChoice.DRAWN
            "greedy" -> DraftChoice.GREEDY
            null -> if (seed == null) DraftChoice.DRAWN else DraftChoice.GREEDY
            else -> throw usage("--drafts", "drawn or greedy", "$drafts", "Choose one of them.")
        }
}
