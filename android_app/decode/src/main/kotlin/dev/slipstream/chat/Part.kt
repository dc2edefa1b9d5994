package dev.slipstream.chat

import androidx.collection.IntList

/** A stretch of a context: what the template writes, what somebody typed, or what the model said, as its tokens. */
internal sealed interface Part {
    /** Empty where it is tokens. */
    val text: String get() = ""

    data class Template(
        override val text: String,
    ) : Part

    data class Content(
        override val text: String,
    ) : Part

    data class Said(
        val tokens: IntList,
    ) : Part
}
