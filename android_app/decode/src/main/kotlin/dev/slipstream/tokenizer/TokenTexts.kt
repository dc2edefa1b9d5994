package dev.slipstream.tokenizer

import androidx.collection.IntObjectMap
import androidx.collection.IntSet

/** The text of every id as the decoder takes it. [special] are the ids that `skipSpecialTokens` leaves out. */
internal class TokenTexts(
    private val vocabulary: Vocabulary,
    private val added: IntObjectMap<String>,
    private val special: IntSet,
) {
    /** Null for an id that nothing has, and for a skipped one. */
    fun text(
        id: Int,
        skipSpecialTokens: Boolean,
    ): String? = if (skipSpecialTokens && id in special) null else added[id] ?: vocabulary.piece(id)
}
