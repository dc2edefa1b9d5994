package dev.slipstream.draft

import dev.slipstream.errors.UsageException
import dev.slipstream.json.JsonNumber

private const val FORMAT = "slipstream-draft-costs"
private const val VERSION = 1L

/** Evidence of another time counts as so many drafts a position at most. */
private const val MOST_TRIES = 8.0
private const val LARGEST = (1L shl 53) - 1
private val FIELDS =
    listOf(
        "format",
        "version",
        "tokens",
        "pass_nanos",
        "bound_nanos",
        "draft_nanos",
        "acceptance",
        "confidence",
        "account",
        "waits",
    )
private val SOURCES = listOf("drafter", "ngram_2", "ngram_3", "ngram_4", "ngram_5")
private val NAME = Regex("[1-9][0-9]{0,2}")

/**
 * What the policy knows, to be written as JSON and kept for a bundle on a device: costs of the widths and numbers of
 * drafts that it measured, in nanoseconds, and hits and tries of each source by position and of each bin of confidence,
 * in thousandths. And what trials may lose and when each is due, in thousandths of rounds of plain decoding, so that many
 * short sessions try no more than a long one.
 */
public fun Auto.exportKnown(): Map<String, Any> {
    val measured = widths.indices.filter(costs::isMeasured)
    val passes = measured.associate { "${widths[it]}" to costs.passNanos(it).toLong() }
    val bounded = widths.indices.filter { costs.boundNanos(it) >= 1.0 }
    val bounds = bounded.associate { "${widths[it]}" to costs.boundNanos(it).toLong() }
    val drafts = (1..mostDrafts).filter(costs::isDraftMeasured).associate { "$it" to costs.draftNanos(it).toLong() }
    val sources = SOURCES.zip(listOf(drafter) + ngrams) { name, source -> name to pairs(source.hits, source.tries) }
    return mapOf(
        "format" to FORMAT,
        "version" to VERSION,
        "tokens" to knownTokens + tokens,
        "pass_nanos" to passes,
        "bound_nanos" to bounds,
        "draft_nanos" to drafts,
        "acceptance" to sources.toMap(),
        "confidence" to pairs(confidence.hits, confidence.tries),
        "account" to (trials.account * 1000.0).toLong(),
        "waits" to
            kinds().mapValues { (_, kind) ->
                listOf((trials.waitLeft(kind) * 1000.0).toLong(), (trials.nextWait(kind) * 1000.0).toLong())
            },
    )
}

/**
 * Makes a new policy begin with what another one knew: near the best choice, but checking it. [known] is JSON as
 * parseStrictJson reads it. Widths that the bundle has no more are left out.
 *
 * Throws UsageException, with the policy as it was, for what [exportKnown] does not write.
 */
public fun Auto.importKnown(known: Any?) {
    val fields = objectOf(known, "(whole)", FIELDS)
    check(fields["format"] == FORMAT, "format", "\"$FORMAT\"", fields["format"])
    check(amount(fields["version"]) == VERSION, "version", "$VERSION", fields["version"])
    val passes = numbers(fields, "pass_nanos")
    val bounds = numbers(fields, "bound_nanos")
    val drafts = numbers(fields, "draft_nanos")
    val acceptance = objectOf(fields["acceptance"], "acceptance", SOURCES)
    val evidence = SOURCES.map { evidence(acceptance[it], "acceptance.$it") }
    val bins = evidence(fields["confidence"], "confidence")
    check(bins.size == Confidence.BINS, "confidence", "${Confidence.BINS} pairs", "${bins.size} pairs")
    val account = (fields["account"] as? JsonNumber)?.toLongOrNull()?.takeIf { it in -LARGEST..LARGEST }
    val tokens = amount(fields["tokens"])
    if (account == null) throw error("account", "an integer", fields["account"])
    if (tokens == null) throw error("tokens", "a number of tokens", fields["tokens"])
    val waits = waits(fields["waits"])
    if (1 !in passes) return
    for (index in widths.indices) {
        val nanos = passes[widths[index]]
        val bound = bounds[widths[index]]
        if (nanos !=
            null
        ) {
            costs.importPass(index, nanos.toDouble())
        } else if (bound !=
            null
        ) {
            costs.importBound(index, bound.toDouble())
        }
    }
    for ((count, nanos) in drafts) if (count <= mostDrafts) costs.importDrafts(count, nanos.toDouble())
    evidence.zip(listOf(drafter) + ngrams) { pairs, source -> importAcceptance(source, pairs) }
    for ((bin, pair) in bins.withIndex()) {
        confidence.hits[bin] = part(pair.first, pair.second)
        confidence.tries[bin] = part(pair.second, pair.second)
    }
    for ((name, kind) in kinds()) {
        waits[name]?.let { (left, wait) -> trials.takeWait(kind, left / 1000.0, wait / 1000.0) }
    }
    trials.account = minOf(account / 1000.0, Trials.MOST_SAVED)
    knownTokens = tokens
    isKnown = true
    mustCheck = true
}

/** Kinds of trials by name. */
private fun Auto.kinds(): Map<String, Int> {
    val names = linkedMapOf("plain" to Trials.PLAIN)
    for (i in 1 until SOURCES.size) names[SOURCES[i]] = Trials.NGRAM + i - 1
    for (i in 1 until widths.size) names["drafter_${widths[i]}"] = Trials.DRAFTER + i
    return names
}

private fun waits(value: Any?): Map<String, Pair<Long, Long>> {
    val fields = value as? Map<*, *> ?: throw error("waits", "an object", value)
    return fields.entries.associate { (name, item) ->
        val numbers = (item as? List<*>)?.map(::amount)
        val left = numbers?.getOrNull(0)
        val wait = numbers?.getOrNull(1)
        if (left == null || wait == null || numbers.size != 2) throw error("waits.$name", "two integers", item)
        "$name" to (left to wait)
    }
}

private fun Auto.importAcceptance(
    source: Acceptance,
    pairs: List<Pair<Long, Long>>,
) {
    if (pairs.isEmpty() || pairs[0].second == 0L) return
    for ((i, pair) in pairs.take(mostDrafts).withIndex()) {
        source.take(i, part(pair.first, pair.second), part(pair.second, pair.second))
    }
    source.isJudged = true
    source.estimate()
}

/** [thousandths] of a pair whose tries are [tries], as a number of drafts. */
private fun part(
    thousandths: Long,
    tries: Long,
): Double {
    val factor = if (tries <= MOST_TRIES * 1000.0) 1.0 else MOST_TRIES * 1000.0 / tries.toDouble()
    return thousandths / 1000.0 * factor
}

/** Rounded down, both alike: never more hits than tries. */
private fun pairs(
    hits: DoubleArray,
    tries: DoubleArray,
): List<List<Long>> = hits.indices.map { listOf((hits[it] * 1000.0).toLong(), (tries[it] * 1000.0).toLong()) }

private fun objectOf(
    value: Any?,
    key: String,
    names: List<String>,
): Map<*, *> {
    val fields = value as? Map<*, *> ?: throw error(key, "an object", value)
    check(fields.keys == names.toSet(), key, "the fields ${names.joinToString()}", fields.keys.joinToString())
    return fields
}

/** Nanoseconds by width or number of drafts. */
private fun numbers(
    fields: Map<*, *>,
    key: String,
): Map<Int, Long> {
    val value = fields[key] as? Map<*, *> ?: throw error(key, "an object", fields[key])
    return value.entries.associate { (name, item) ->
        check(NAME.matches(name as String), key, "names from 1 to 999", name)
        val nanos = amount(item)
        check(nanos != null && nanos > 0, "$key.$name", "a positive number of nanoseconds", item)
        name.toInt() to checkNotNull(nanos)
    }
}

private fun evidence(
    value: Any?,
    key: String,
): List<Pair<Long, Long>> {
    val list = value as? List<*> ?: throw error(key, "a list", value)
    return list.mapIndexed { i, item ->
        val numbers = (item as? List<*>)?.map(::amount)
        val hits = numbers?.getOrNull(0)
        val tries = numbers?.getOrNull(1)
        if (hits == null || tries == null || numbers.size != 2 || hits > tries) {
            throw error("$key[$i]", "hits and tries, two integers of which the first is not larger", item)
        }
        hits to tries
    }
}

private fun amount(value: Any?): Long? = (value as? JsonNumber)?.toLongOrNull()?.takeIf { it in 0..LARGEST }

private fun check(
    isRight: Boolean,
    key: String,
    expected: String,
    found: Any?,
) {
    if (!isRight) throw error(key, expected, found)
}

private fun error(
    key: String,
    expected: String,
    found: Any?,
) = UsageException(
    "Known costs of drafting that can't be read",
    expected,
    "$found".take(80),
    "key $key",
    "Delete what was kept: it is measured again.",
)
