package dev.slipstream.bundle

/** Token ids that have a meaning of their own; any of [stop] ends a text. */
public data class Tokens(
    val bos: Int,
    val pad: Int,
    val stop: List<Int>,
) {
    internal companion object {
        fun read(
            value: Any?,
            vocabSize: Int,
        ): Tokens {
            val fields = JsonFields(value, "tokens", listOf("bos", "pad", "stop"))
            val last = vocabSize - 1
            val stop =
                fields.list("stop") { item, key -> asLong(item, key, "tokens.stop", 0, last.toLong()).toInt() }
            return Tokens(fields.int("bos", 0, last), fields.int("pad", 0, last), stop)
        }
    }
}
