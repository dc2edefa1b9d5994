package dev.slipstream.tokenizer

import androidx.collection.MutableIntObjectMap
import androidx.collection.MutableIntSet

/**
 * The `added_tokens`: those looked for in the text as it is, those looked for in normalised text, and every id's text.
 * The library gives an added token the id of the model's piece of the same text, else the next free one; a file that
 * says another id is contradictory.
 */
internal class AddedTokenReader(
    private val vocabulary: Vocabulary,
    private val normalizer: Normalizer,
    private val errors: TokenizerErrors,
) {
    val exact: AddedTokens = AddedTokens()
    val normalized: AddedTokens = AddedTokens()
    val tokens: MutableList<AddedToken> = ArrayList()
    private val added = MutableIntObjectMap<String>()
    private val contents = HashSet<String>()
    private val specialContents = HashSet<String>()
    private var nextId = vocabulary.size

    fun read(value: Any?): TokenTexts {
        components("added_tokens", value ?: emptyList<Any>(), errors).forEach(::add)
        val special = MutableIntSet()
        // By their text, as the library has it.
        added.forEach { id, text -> if (text in specialContents) special.add(id) }
        return TokenTexts(vocabulary, added, special)
    }

    private fun add(component: Component) {
        val token = component.token()
        if (token.content.isEmpty()) return
        if (!contents.add(token.content)) {
            throw errors.invalid(component.path, "each added token once", "${token.content} twice")
        }
        val content = component.utf8("content")
        val found = vocabulary.find(content, 0, content.size)
        val id = if (found >= 0) found else nextId++
        if (id != token.id) throw errors.invalid("${component.path}.id", "$id for ${token.content}", token.id)
        val pattern = if (token.normalized) normalizedForm(content) else content
        val others = if (token.normalized) normalized else exact
        if (pattern.isEmpty() || !others.add(token, pattern)) {
            throw errors.unsupported(component.path, "a normalised form of its own", token.content)
        }
        if (token.special) specialContents.add(token.content)
        tokens.add(token)
        added[id] = String(pattern, Charsets.UTF_8)
    }

    private fun normalizedForm(content: ByteArray): ByteArray {
        val text = normalizer.apply(content, 0, content.size)
        return text.bytes.copyOf(text.size)
    }
}

private fun Component.token(): AddedToken =
    AddedToken(
        id = count("id"),
        content = text("content"),
        singleWord = flag("single_word"),
        leftStrip = flag("lstrip"),
        rightStrip = flag("rstrip"),
        normalized = flag("normalized"),
        special = flag("special"),
    )
