package dev.slipstream.tokenizer

import dev.slipstream.errors.BundleException

/** The two ways a `tokenizer.json`, named [where], is turned down. */
internal class TokenizerErrors(
    private val where: String,
) {
    /** [component] asks for what is not done here. */
    fun unsupported(
        component: String,
        expected: String,
        found: Any?,
    ): BundleException =
        BundleException(
            "Tokenizer is not supported",
            expected,
            short(found),
            "$where, $component",
            "Export with a tokenizer.json of Gemma's kind.",
        )

    /** [component] contradicts itself, or is no such JSON. */
    fun invalid(
        component: String,
        expected: String,
        found: Any?,
    ): BundleException =
        BundleException(
            "Tokenizer can't be read",
            expected,
            short(found),
            "$where, $component",
            "Export the bundle again from an undamaged tokenizer.json.",
        )

    private fun short(found: Any?): String = found.toString().let { if (it.length <= 120) it else it.take(117) + "..." }
}
