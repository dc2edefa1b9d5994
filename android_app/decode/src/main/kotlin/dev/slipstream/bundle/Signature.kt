package dev.slipstream.bundle

/** A signature of a graph: its tensors by name. */
public data class Signature(
    val inputs: Map<String, TensorSpec>,
    val outputs: Map<String, TensorSpec>,
) {
    internal companion object {
        fun read(
            value: Any?,
            key: String,
        ): Signature {
            val fields = JsonFields(value, key, listOf("inputs", "outputs"))
            return Signature(fields.map("inputs", TensorSpec::read), fields.map("outputs", TensorSpec::read))
        }
    }
}
