package dev.slipstream.bundle

/** How the weights were quantised: the recipe's name, and free-form JSON (as `parseStrictJson` makes it) for people. */
public data class Recipe(
    val name: String,
    val tensors: Map<String, Any?>,
) {
    internal companion object {
        fun read(value: Any?): Recipe {
            val fields = JsonFields(value, "recipe", listOf("name", "tensors"))
            return Recipe(fields.text("name"), fields.map("tensors") { item, key -> asPlain(item, key) })
        }
    }
}
