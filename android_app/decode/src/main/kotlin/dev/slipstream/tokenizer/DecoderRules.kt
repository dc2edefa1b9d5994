package dev.slipstream.tokenizer

/**
 * How tokens become text: [steps] on each token's own text; with [byteFallback] those that then read `<0x41>` are
 * bytes; at last [stripWhole] on the text as a whole.
 */
internal class DecoderRules(
    val steps: List<Step>,
    val byteFallback: Boolean,
    val stripWhole: StripStart?,
) {
    /** One rewriting of a token's text. */
    sealed interface Step

    /** Every [pattern] becomes [content]. */
    class Replace(
        val pattern: String,
        val content: String,
    ) : Step

    /** Up to [count] of [content], which is one character, are taken off the start. */
    class StripStart(
        val content: String,
        val count: Int,
    ) : Step

    fun apply(text: String): String =
        steps.fold(text) { piece, step ->
            when (step) {
                is Replace -> piece.replace(step.pattern, step.content)
                is StripStart -> piece.substring(step.content.length * leading(piece, step))
            }
        }

    private fun leading(
        piece: String,
        strip: StripStart,
    ): Int {
        var count = 0
        while (count < strip.count && piece.startsWith(strip.content, count * strip.content.length)) count++
        return count
    }
}
