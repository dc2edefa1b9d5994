package dev.slipstream.tokenizer

/** Rewrites a stretch of text before the model sees it: [steps] in their order. */
internal class Normalizer(
    private val steps: List<Step>,
) {
    /** One rewriting of UTF-8. */
    sealed interface Step

    /** Every [pattern], from left to right, becomes [content]. */
    class Replace(
        val pattern: ByteArray,
        val content: ByteArray,
    ) : Step

    /** [text] goes before whatever is not empty. */
    class Prepend(
        val text: ByteArray,
    ) : Step

    /** The rewritten bytes, in a buffer of their own. */
    fun apply(
        bytes: ByteArray,
        from: Int,
        to: Int,
    ): ByteText {
        var text = ByteText(to - from + SPARE).apply { append(bytes, from, to) }
        for (step in steps) {
            val next = ByteText(text.size + SPARE)
            when (step) {
                is Replace -> replace(text, step, next)
                is Prepend -> if (text.size > 0) next.append(step.text)
            }
            if (step is Prepend) next.append(text.bytes, 0, text.size)
            text = next
        }
        return text
    }

    private fun replace(
        text: ByteText,
        step: Replace,
        result: ByteText,
    ) {
        var done = 0
        var at = indexOf(text.bytes, text.size, step.pattern, 0)
        while (at >= 0) {
            result.append(text.bytes, done, at)
            result.append(step.content)
            done = at + step.pattern.size
            at = indexOf(text.bytes, text.size, step.pattern, done)
        }
        result.append(text.bytes, done, text.size)
    }

    private companion object {
        const val SPARE = 16
    }
}

/** Where [pattern] first occurs in the first [size] bytes, from [from] on; -1 when it does not. */
internal fun indexOf(
    bytes: ByteArray,
    size: Int,
    pattern: ByteArray,
    from: Int,
): Int {
    for (at in from..size - pattern.size) {
        var same = 0
        while (same < pattern.size && bytes[at + same] == pattern[same]) same++
        if (same == pattern.size) return at
    }
    return -1
}
