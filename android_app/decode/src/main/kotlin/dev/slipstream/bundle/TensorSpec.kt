package dev.slipstream.bundle

/** Type ("float32", "int32", "bool" …) and shape of a graph's input or output. */
public data class TensorSpec(
    val dtype: String,
    val shape: List<Int>,
) {
    init {
        checkManifest(isTypeName(dtype), "signatures dtype", "a type name") { dtype }
        checkManifest(shape.size <= 8, "signatures shape", "at most 8 dimensions") { SpelledTuple(shape) }
    }

    internal companion object {
        fun read(
            value: Any?,
            key: String,
        ): TensorSpec {
            val fields = JsonFields(value, key, listOf("dtype", "shape"))
            return TensorSpec(fields.text("dtype"), fields.ints("shape", 1, label = "signatures shape"))
        }

        /** One to eight lower-case letters, then at most three digits. */
        private fun isTypeName(text: String): Boolean {
            val letters = text.takeWhile { it in 'a'..'z' }.length
            val digits = text.drop(letters)
            return letters in 1..8 && digits.length <= 3 && digits.all { it in '0'..'9' }
        }
    }
}
