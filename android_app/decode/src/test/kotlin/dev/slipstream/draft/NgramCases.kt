package dev.slipstream.draft

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.parseStrictJson
import dev.slipstream.repository
import dev.slipstream.scripted.Draws
import java.security.MessageDigest
import kotlin.io.path.readText

// runtime_spec/vectors/ngrams.json, played as runtime_spec/vectors/ngrams.py does.

private const val STEPS = 24
private const val LONGEST_TEXT = 64
private const val SPREAD = 13_107
private val ALPHABETS = intArrayOf(1, 2, 3, 5, 20)

/** How many cases give what is recorded. AssertionError naming the first that does not. */
internal fun playNgramCases(): Int {
    val cases = ngrams()["cases"] as List<*>
    for (case in cases) {
        val steps = (case as Map<*, *>)["steps"] as List<*>
        val index = NgramIndex(steps.maxOf { integers((it as Map<*, *>)["cached"]).size } + 1)
        for ((number, step) in steps.withIndex()) {
            step as Map<*, *>
            val text = integers(step["cached"]).apply { add(integer(step["bonus_token"])) }
            val recorded = line(integer(step["length"]), integers(step["drafts"]))
            val found = asked(index, text, integer(step["count"]))
            if (found != recorded) {
                throw AssertionError("${case["name"]}, step $number: recorded $recorded, found $found")
            }
        }
    }
    return cases.size
}

/** How many scripts the recorded digest is over, and the digest. */
internal fun recordedNgramDigest(): Pair<Int, String> {
    val digest = ngrams()["digest"] as Map<*, *>
    return integer(digest["scripts"]) to digest["sha256"] as String
}

/** SHA-256 over the lines of scripts 0..count-1, each followed by a newline, as 64 hex characters. */
internal fun ngramDigest(count: Int): String {
    val sha = MessageDigest.getInstance("SHA-256")
    for (number in 0 until count) {
        val index = NgramIndex(LONGEST_TEXT)
        script(number) { text, drafts -> sha.update("${asked(index, text, drafts)}\n".toByteArray(Charsets.US_ASCII)) }
    }
    return sha.digest().joinToString("") { "%02x".format(it) }
}

/** The texts of script [number], each with how many drafts are asked for. TRACES.md lists the draws. */
internal fun script(
    number: Int,
    each: (IntList, Int) -> Unit,
) {
    val draws = Draws(number.toLong())
    val alphabet = ALPHABETS[draws.below(ALPHABETS.size)]
    val text = MutableIntList()
    text.add(token(draws, alphabet))
    repeat(STEPS) {
        change(text, draws, alphabet)
        each(text, draws.below(9))
    }
}

private fun change(
    text: MutableIntList,
    draws: Draws,
    alphabet: Int,
) {
    val kind = draws.below(8)
    if (kind == 4 || kind == 6) text.removeRange(1 + draws.below(text.size), text.size)
    when (kind) {
        0, 1, 2, 6 -> {
            repeat(1 + draws.below(6)) { text.add(token(draws, alphabet)) }
        }

        3 -> {
            val begin = draws.below(text.size)
            repeat(1 + draws.below(8)) { text.add(text[begin + it]) }
        }

        5 -> {
            val token = token(draws, alphabet)
            text[draws.below(text.size)] = token
        }
    }
    if (text.size > LONGEST_TEXT) text.removeRange(LONGEST_TEXT, text.size)
}

private fun token(
    draws: Draws,
    alphabet: Int,
) = SPREAD * draws.below(alphabet)

/** What [index] says of [text], whose last token is the bonus token, as a line of the digest. */
internal fun asked(
    index: NgramIndex,
    text: IntList,
    count: Int,
): String {
    val cached = MutableIntList().apply { addAll(text) }
    val bonusToken = cached.removeAt(cached.size - 1)
    return line(index.match(cached, bonusToken), index.drafts(count))
}

internal fun line(
    length: Int,
    drafts: IntList,
) = "{\"length\":$length,\"drafts\":[${drafts.joinToString(",")}]}"

private fun ngrams() = parseStrictJson(repository.resolve("runtime_spec/vectors/ngrams.json").readText()) as Map<*, *>

private fun integers(value: Any?) = MutableIntList().apply { (value as List<*>).forEach { add(integer(it)) } }

private fun integer(value: Any?) = checkNotNull((value as JsonNumber).toIntOrNull())
