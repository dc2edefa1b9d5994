package dev.slipstream.bundle

/** A checkpoint: the name it was exported under, and the model type of its config. */
public data class Model(
    val id: String,
    val modelType: String,
) {
    internal companion object {
        fun read(
            value: Any?,
            key: String,
        ): Model {
            val fields = JsonFields(value, key, listOf("id", "model_type"))
            return Model(fields.text("id"), fields.text("model_type"))
        }
    }
}
