package dev.slipstream.tokenizer

import androidx.collection.IntSet

/**
 * Tokens to be split off a text, each found by its own byte string: leftmost first, of those that start at one place
 * the longest. A text of n bytes takes O(n · the longest token) at worst, O(n) in ordinary text.
 */
internal class AddedTokens {
    private val tokens = ArrayList<AddedToken>()
    private val trie = TokenTrie()

    /** False, and nothing taken in, when another token has the same [pattern]. */
    fun add(
        token: AddedToken,
        pattern: ByteArray,
    ): Boolean = trie.add(pattern, tokens.size).also { if (it) tokens.add(token) }

    /**
     * Calls [onText] and [onToken], in their order, for the stretches of the first [size] bytes and the ids between.
     * Tokens of [asText] are passed over: nothing is split off where their letters stand, inside them neither.
     */
    fun split(
        bytes: ByteArray,
        size: Int,
        asText: IntSet,
        onText: (from: Int, to: Int) -> Unit,
        onToken: (id: Int) -> Unit,
    ) {
        var done = 0
        var at = 0
        while (at < size) {
            val match = trie.longestAt(bytes, at, size)
            if (match == null) {
                at++
                continue
            }
            val token = tokens[match.number]
            val begin = at
            at = match.end
            if (token.id in asText) continue
            if (token.singleWord && touchesWord(bytes, begin, match.end, size)) continue
            // White space that the token before took along is not taken twice. A token that is itself white space can
            // lie in it; it is found all the same, unless nothing is left of it.
            val from = if (token.leftStrip) maxOf(spaceBefore(bytes, begin), done) else begin
            val to = if (token.rightStrip) spaceAfter(bytes, match.end, size) else match.end
            if (done < from) onText(done, from)
            if (from < to) onToken(token.id)
            done = to
        }
        if (done != size) onText(done, size)
    }

    private fun touchesWord(
        bytes: ByteArray,
        from: Int,
        to: Int,
        size: Int,
    ): Boolean {
        val wordBefore = from > 0 && isWordCharacter(codePointAt(bytes, characterBefore(bytes, from)))
        return wordBefore || (to < size && isWordCharacter(codePointAt(bytes, to)))
    }

    private fun spaceBefore(
        bytes: ByteArray,
        end: Int,
    ): Int {
        var at = end
        while (at > 0) {
            val character = characterBefore(bytes, at)
            if (!isWhiteSpace(codePointAt(bytes, character))) break
            at = character
        }
        return at
    }

    private fun spaceAfter(
        bytes: ByteArray,
        begin: Int,
        size: Int,
    ): Int {
        var at = begin
        while (at < size && isWhiteSpace(codePointAt(bytes, at))) at += utf8Length(bytes[at])
        return at
    }
}
