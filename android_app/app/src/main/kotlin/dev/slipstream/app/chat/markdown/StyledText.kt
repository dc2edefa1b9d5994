package dev.slipstream.app.chat.markdown

import androidx.compose.runtime.Immutable

/** Text, and what applies to stretches of it. */
@Immutable
internal data class StyledText(
    val text: String,
    val spans: List<Span> = emptyList(),
) {
    /** The first [count] characters. */
    fun take(count: Int) = StyledText(text.take(count), spans.mapNotNull { it.within(0, count) })

    /** What follows the first [count] characters. */
    fun drop(count: Int) = StyledText(text.drop(count), spans.mapNotNull { it.within(count, text.length) })
}

/** [style] of the characters from [begin] to before [end]; [destination] is a link's. */
@Immutable
internal data class Span(
    val begin: Int,
    val end: Int,
    val style: Style,
    val destination: String? = null,
) {
    /** This span in a text that begins at [from] and ends before [to]; null where nothing of it is left. */
    fun within(
        from: Int,
        to: Int,
    ): Span? {
        val first = maxOf(begin, from)
        val last = minOf(end, to)
        return if (first < last) copy(begin = first - from, end = last - from) else null
    }
}

internal enum class Style {
    STRONG,
    EMPHASIS,
    CODE,
    LINK,

    /** A draft that the target accepted, and what the target said by itself. */
    ACCEPTED,
    OWN,
}
