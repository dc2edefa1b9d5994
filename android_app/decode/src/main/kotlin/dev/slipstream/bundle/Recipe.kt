package dev.slipstream.bundle

/**
 * How the weights were quantised: the recipe's name, and free-form JSON (as `parseStrictJson` makes it) for people.
 * [acceptedLoss] are the figures that were outside the recipe's tolerances and accepted when the bundle was made.
 */
public data class Recipe(
    val name: String,
    val tensors: Map<String, Any?>,
    val acceptedLoss: List<String>,
) {
    internal companion object {
        fun read(value: Any?): Recipe {
            val fields = JsonFields(value, "recipe", listOf("name", "tensors", "accepted_loss"))
            val tensors = fields.map("tensors") { item, key -> asPlain(item, key) }
            return Recipe(fields.text("name"), tensors, fields.texts("accepted_loss"))
        }
    }
}
