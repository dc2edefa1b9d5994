package dev.slipstream.bundle

private val KEYS = listOf("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "repetition_window")

/** How the checkpoint's makers sample from it; DECODE.md says what each number means, and when it is off. */
public data class SamplingDefaults(
    val temperature: Double,
    val topK: Int,
    val topP: Double,
    val minP: Double,
    val repetitionPenalty: Double,
    val repetitionWindow: Int,
) {
    internal companion object {
        fun read(value: Any?): SamplingDefaults {
            val fields = JsonFields(value, "sampling", KEYS)
            return SamplingDefaults(
                fields.double("temperature", "a number of at least 0") { it >= 0 },
                fields.int("top_k", 0),
                fields.double("top_p", "a number above 0, at most 1") { it > 0 && it <= 1 },
                fields.double("min_p", "a number from 0, below 1") { it >= 0 && it < 1 },
                fields.double("repetition_penalty", "a number above 0") { it > 0 },
                fields.int("repetition_window", 0),
            )
        }
    }
}
