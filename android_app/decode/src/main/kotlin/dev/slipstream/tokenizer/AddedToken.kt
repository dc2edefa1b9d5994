package dev.slipstream.tokenizer

/**
 * A token that is split off before the model sees the text. [normalized]: it is looked for in normalised text, in its
 * normalised form. [singleWord]: not inside a word. [leftStrip], [rightStrip]: it takes white space beside it along.
 */
internal data class AddedToken(
    val id: Int,
    val content: String,
    val singleWord: Boolean,
    val leftStrip: Boolean,
    val rightStrip: Boolean,
    val normalized: Boolean,
    val special: Boolean,
)
