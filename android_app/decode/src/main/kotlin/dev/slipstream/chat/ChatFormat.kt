package dev.slipstream.chat

import dev.slipstream.bundle.SpelledTuple
import dev.slipstream.bundle.spell
import dev.slipstream.errors.BundleException

/** Who speaks, as a conversation names it. */
public const val SYSTEM: String = "system"
public const val USER: String = "user"
public const val MODEL: String = "model"

internal val ROLES = listOf(SYSTEM, USER, MODEL)

/**
 * A checkpoint's chat template as constant texts (CHAT.md, The format). BundleException for roles that there are not.
 *
 * [system] null: there is no system turn. [trims] are the roles whose contents lose the white space at both ends;
 * [alternates]: users and models must take turns.
 */
public data class ChatFormat(
    val start: String,
    val system: Affixes?,
    val user: Affixes,
    val model: Affixes,
    val userPrefixAfterSystem: String,
    val reply: String,
    val thinking: Thinking?,
    val thoughts: Thoughts?,
    val trims: List<String>,
    val alternates: Boolean,
) {
    init {
        if (trims != ROLES.filter { it in trims }) {
            val expected = "some of ${spell(SpelledTuple(ROLES))}, in this order"
            throw invalidFormat("chat.trims", expected, firstCharacters(spell(SpelledTuple(trims))))
        }
    }

    /** Null for a role that the template has no turn for. */
    internal fun affixes(role: String): Affixes? =
        when (role) {
            SYSTEM -> system
            USER -> user
            else -> model
        }

    /** What stands before a reply. */
    internal fun reply(thinking: Boolean): String =
        if (thinking &&
            this.thinking != null
        ) {
            this.thinking.reply
        } else {
            reply
        }

    /** Every text that the template itself writes. */
    internal fun texts(): List<String> {
        val turns = listOfNotNull(system, user, model).flatMap { listOf(it.prefix, it.suffix) }
        val thinking = thinking?.let { listOf(it.reply, it.systemPrefix, it.systemAlone) }.orEmpty()
        val thoughts = thoughts?.let { listOf(it.start, it.end) }.orEmpty()
        return listOf(start) + turns + userPrefixAfterSystem + reply + thinking + thoughts
    }
}

internal fun invalidFormat(
    key: String,
    expected: String,
    found: String,
) = BundleException("Manifest is not valid", expected, found, "manifest key $key", "Export the bundle again.")

/** As much of a value as an error shows: [count] characters. */
internal fun firstCharacters(
    text: String,
    count: Int = 80,
): String = if (text.codePointCount(0, text.length) <= count) text else text.take(text.offsetByCodePoints(0, count))
