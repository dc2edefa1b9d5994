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
        "filtered" to ::filteredDifference,
        "residual" to ::residualDifference,
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
    val rest = Residual().of(p, q)
    distributionDifference("p", case["p"], p)?.let { return it }
    distributionDifference("q", case["q"], q)?.let { return it }
    if (case["residual"] == null) {
        if (rest !== p) return "a residual where there is none"
    } else {
        distributionDifference("residual", case["residual"], rest)?.let { return it }
    }
    for (says in case["says"] as List<*>) {
        val (draft, wanted) = integers(says).let { it[0] to it[1] }
        difference(wanted, place.sampler.judge(p, q, draft, place.slot))?.let { return "draft $draft: $it" }
    }
    return null
}

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
