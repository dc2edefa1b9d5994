package dev.slipstream.chat

/** How a reply's thought is delimited; [kept]: past replies keep it. BundleException for a delimiter without text. */
public data class Thoughts(
    val start: String,
    val end: String,
    val kept: Boolean,
) {
    init {
        for ((name, text) in listOf("start" to start, "end" to end)) {
            if (text.isEmpty()) throw invalidFormat("chat.thoughts.$name", "a text", "an empty one")
        }
    }
}
