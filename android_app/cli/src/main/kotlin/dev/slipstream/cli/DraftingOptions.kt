package dev.slipstream.cli

import dev.slipstream.draft.Policy
import dev.slipstream.litert.BundleRuntime
import picocli.CommandLine.Option

/** Where drafts come from: none of it changes what is said, or how often what is said. */
internal class DraftingOptions {
    @Option(
        names = ["--draft-tokens"],
        paramLabel = "N|off|auto",
        description = ["drafts a round (default: auto, what measures best)"],
    )
    var draftTokens: String = AUTO

    @Option(
        names = ["--n-grams"],
        paramLabel = "on|off",
        description = ["drafts looked up in the text so far (default: on with auto)"],
    )
    var ngrams: String? = null

    /** Who says how much to draft. Throws UsageException. */
    fun policy(runtime: BundleRuntime): Policy {
        val looksUp = isOn(ngrams, "--n-grams", default = draftTokens == AUTO)
        return if (draftTokens == AUTO) runtime.autoPolicy(looksUp) else runtime.fixedPolicy(count(runtime), looksUp)
    }

    private fun count(runtime: BundleRuntime): Int {
        if (draftTokens == "off") return 0
        val most = runtime.mostDrafts
        return draftTokens.toIntOrNull()?.takeIf { it in 0..most }
            ?: throw usage(
                "--draft-tokens",
                "auto, off or a number from 0 to $most",
                draftTokens,
                "Choose a number that the bundle has graphs for.",
            )
    }

    private companion object {
        const val AUTO = "auto"
    }
}

/** What an option that is on or off says. UsageException for another word. */
internal fun isOn(
    text: String?,
    where: String,
    default: Boolean,
): Boolean =
    when (text) {
        "on" -> true
        "off" -> false
        null -> default
        else -> throw usage(where, "on or off", text, "Choose one of them.")
    }
