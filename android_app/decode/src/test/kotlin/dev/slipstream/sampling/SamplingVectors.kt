package dev.slipstream.sampling

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.intListOf
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.parseStrictJson
import dev.slipstream.trace.readSampling
import java.nio.ByteBuffer
import java.nio.FloatBuffer
import java.security.MessageDigest

/**
 * The steps of sampling against vectors/sampling.json, bit for bit; TRACES.md says what its fields are. In a file of
 * its own, since faulty copies of the sampler are compiled with a copy of this. [text] is the file's.
 */
internal fun firstSamplingDifference(text: String): String? {
    val vectors = parseStrictJson(text) as Map<*, *>
    check(vectors.keys == CHECKS.keys) { "checks of ${CHECKS.keys}, vectors of ${vectors.keys}" }
    for ((field, found) in CHECKS) {
        val cases = vectors[field] as List<*>
        check(cases.isNotEmpty()) { "no vectors of $field" }
        cases.forEachIndexed { i, case -> found(case!!)?.let { return "$field[$i]: $it" } }
    }
    return null
}

private val CHECKS: Map<String, (Any) -> String?> =
    mapOf(
        "exponential" to { raw ->
            val (x, wanted) = raw as List<*>
            difference(wanted, bits(exponential(double(x))))
        },
        "uniform" to { raw ->
            val (seed, slot, purpose, wanted) = raw as List<*>
            difference(wanted, bits(uniform(long(seed), int(slot), int(purpose))))
        },
        "reply_seed" to { raw ->
            val (seed, n, wanted) = raw as List<*>
            difference(long(wanted), replySeed(long(seed), long(n)))
        },
        "draw" to { raw ->
            val (tokens, weights, u, wanted) = raw as List<*>
            val distribution = whole(mapOf("tokens" to tokens, "weights" to weights))
            difference(int(wanted), draw(distribution, double(u)))
        },
        "filtered" to ::filteredDifference,
        "residual" to ::residualDifference,
        "rounds" to ::roundDifference,
    )

/** A sampler that was told of the text before the slot that a row is for. */
private class Place(
    case: Map<*, *>,
) {
    val text = integers(case["text"])
    val sampler = Sampler(readSampling(case["sampling"], "sampling.json")).also { it.wrote(text, 0) }
    val slot = text.size

    fun distribution(row: FloatBuffer): Distribution =
        Distribution().also { sampler.distribution(row, 0, row.capacity(), slot - 1, it) }
}

private fun filteredDifference(raw: Any): String? {
    val case = raw as Map<*, *>
    val place = Place(case)
    val row = row(case["row"])
    distributionDifference("distribution", case["distribution"], place.distribution(row))?.let { return it }
    val last = if (place.text.isEmpty()) 0 else place.text.last()
    val said = MutableIntList()
    place.sampler.targetTokens(row, row.capacity(), intListOf(last), place.slot - 1, said)
    val confidence =
        with(Sampler()) {
            beginDrafts(0, 0)
            draftToken(row, row.capacity(), wantsConfidence = true)
            confidence
        }
    return difference(int(case["drawn"]), said[0]) ?: difference(case["confidence"], bits(confidence))
}

private fun residualDifference(raw: Any): String? {
    val case = raw as Map<*, *>
    val place = Place(case)
    val p = place.distribution(row(case["row"]))
    val q = place.distribution(row(case["drafter_row"]))
    val rest = Residual().of(p, q, double(case["scale"]))
    distributionDifference("p", case["p"], p)?.let { return it }
    distributionDifference("q", case["q"], q)?.let { return it }
    if (case["residual"] == null) {
        if (rest.count != 0) return "a residual where there is none"
    } else {
        distributionDifference("residual", case["residual"], rest)?.let { return it }
    }
    for (says in case["says"] as List<*>) {
        val (draft, wanted) = says as List<*>
        val said = MutableIntList()
        place.sampler.sayDrawn(listOf(p, p), intListOf(int(draft)), listOf(q), 1, place.slot, said)
        difference(integers(wanted).toString(), said.toString())?.let { return "draft $draft: $it" }
    }
    return null
}

private fun roundDifference(raw: Any): String? {
    val case = raw as Map<*, *>
    val seed = long(case["seed"])
    val slot = int(case["slot"])
    val drafts = integers(case["drafts"])
    val count = drafts.size
    val p = (case["p"] as List<*>).map(::whole)
    val q = (case["q"] as List<*>).map(::whole)
    val block = Block()
    val kept = block.verify(p, drafts, q, count, seed, slot)
    val said = MutableIntList()
    // Before anything else asks for a residual, which is overwritten.
    val rest = raw(block.rest)
    Sampler(Sampling(1.0, seed = seed)).sayDrawn(p, drafts, q, count, slot, said)
    return difference(case["ratios"], (1..count).map { bits(block.ratio(it)) })?.let { "ratios: $it" }
        ?: difference(case["acceptances"], (1..count).map { bits(block.acceptance(it, count, p, q)) })
        ?: difference(int(case["kept"]), kept)?.let { "kept: $it" }
        ?: difference(raw(whole(case["rest"])), rest)?.let { "rest: $it" }
        ?: difference(integers(case["says"]).toString(), said.toString())?.let { "says: $it" }
}

/** A distribution that is written out whole. */
private fun whole(raw: Any?): Distribution {
    val case = raw as Map<*, *>
    val tokens = integers(case["tokens"])
    val weights = case["weights"] as List<*>
    return Distribution().apply { for (i in tokens.indices) add(tokens[i], double(weights[i])) }
}

private fun raw(distribution: Distribution): List<Pair<Int, String>> =
    List(distribution.count) { distribution.tokens[it] to bits(distribution.weights[it]) }

private fun distributionDifference(
    name: String,
    raw: Any?,
    found: Distribution,
): String? {
    val wanted = raw as Map<*, *>
    val sha = MessageDigest.getInstance("SHA-256")
    for (i in 0 until found.count) {
        val bytes = ByteBuffer.allocate(Int.SIZE_BYTES + Double.SIZE_BYTES)
        sha.update(bytes.putInt(found.tokens[i]).putDouble(found.weights[i]).array())
    }
    val first = 0 until minOf(8, found.count)
    val difference =
        difference(int(wanted["count"]), found.count)
            ?: difference(integers(wanted["tokens"]).toString(), first.map { found.tokens[it] }.toString())
            ?: difference(wanted["weights"], first.map { bits(found.weights[it]) })
            ?: difference(wanted["sha256"], sha.digest().joinToString("") { "%02x".format(it) })
    return difference?.let { "$name: $it" }
}

private fun row(raw: Any?): FloatBuffer {
    val case = raw as Map<*, *>
    val floats = case["floats"] as List<*>?
    if (floats != null) {
        return FloatBuffer.wrap(FloatArray(floats.size) { Float.fromBits((floats[it] as String).toLong(16).toInt()) })
    }
    val seed = (case["seed"] as JsonNumber).literal.toULong().toLong()
    val bits = int(case["bits"])
    val scale = (1 shl bits) / 32f
    return FloatBuffer.wrap(
        FloatArray(int(case["size"])) { token ->
            val h = splitmix(seed xor splitmix(token.toLong()))
            ((h ushr 64 - bits) - (1L shl bits - 1)).toFloat() / scale
        },
    )
}

private fun difference(
    wanted: Any?,
    found: Any?,
): String? = if (wanted == found) null else "wanted $wanted, found $found"

private fun bits(value: Double): String = "%016x".format(value.toRawBits())

private fun double(raw: Any?): Double = Double.fromBits((raw as String).toULong(16).toLong())

private fun long(raw: Any?): Long = checkNotNull((raw as JsonNumber).toLongOrNull())

private fun int(raw: Any?): Int = checkNotNull((raw as JsonNumber).toIntOrNull())

private fun integers(raw: Any?): IntList = MutableIntList().apply { (raw as List<*>).forEach { add(int(it)) } }
