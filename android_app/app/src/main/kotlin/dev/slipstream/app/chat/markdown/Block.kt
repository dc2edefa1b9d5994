package dev.slipstream.app.chat.markdown

import androidx.compose.runtime.Immutable

/** What a reply is made of, from top to bottom. A list is its items: one can be finished while the next one grows. */
@Immutable
internal sealed interface Block {
    data class Paragraph(
        val text: StyledText,
    ) : Block

    /** [level] from 1, the largest, to 6. */
    data class Heading(
        val level: Int,
        val text: StyledText,
    ) : Block

    data class Quote(
        val blocks: List<Block>,
    ) : Block

    /** [number] as it is counted in its list, null with a bullet; [delimiter] follows it. */
    data class Item(
        val number: Int?,
        val delimiter: String,
        val blocks: List<Block>,
    ) : Block

    /** [language] is empty where none was named. [parts] are lines that belong together; all together are the code. */
    data class Code(
        val language: String,
        val parts: List<StyledText>,
    ) : Block {
        val text: String get() = parts.joinToString("") { it.text }.removeSuffix("\n")
    }

    /** Each row has as many cells as the first, which is the head. */
    data class Table(
        val rows: List<List<StyledText>>,
    ) : Block

    data object Rule : Block
}
