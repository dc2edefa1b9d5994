package dev.slipstream.trace

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.errors.TraceException
import dev.slipstream.json.JsonNumber

/** The fields of one JSON object of a trace: exactly those that were asked for, each of its type. */
internal class TraceFields(
    private val raw: Map<String, Any?>,
    private val where: String,
) {
    private val read = HashSet<String>()

    fun count(field: String): Int = integer(field, 0)

    fun integer(
        field: String,
        least: Int,
    ): Int = (value(field) as? JsonNumber)?.toIntOrNull()?.takeIf { it >= least } ?: throw wrong(field)

    fun long(field: String): Long =
        (value(field) as? JsonNumber)?.toLongOrNull()?.takeIf { it >= 0 } ?: throw wrong(field)

    fun orNull(field: String): Any? = value(field)

    fun countOrNull(field: String): Int? = if (value(field) == null) null else count(field)

    fun text(field: String): String = value(field) as? String ?: throw wrong(field)

    fun textOrNull(field: String): String? = if (value(field) == null) null else text(field)

    fun flag(field: String): Boolean = value(field) as? Boolean ?: throw wrong(field)

    fun number(field: String): Double = positive(value(field)) ?: throw wrong(field)

    fun list(field: String): List<Any?> = value(field) as? List<*> ?: throw wrong(field)

    fun tokens(field: String): IntList {
        val items = list(field)
        val tokens = MutableIntList(items.size)
        for (item in items) tokens.add((item as? JsonNumber)?.toIntOrNull()?.takeIf { it >= 0 } ?: throw wrong(field))
        return tokens
    }

    fun numbers(field: String): List<Double> = list(field).map { positive(it) ?: throw wrong(field) }

    operator fun contains(field: String): Boolean = field in raw

    /** To be called when all fields have been read: no other may be there. */
    fun end() {
        val unknown = raw.keys - read
        if (unknown.isNotEmpty()) throw traceError("only the fields ${read.joinToString()}", unknown.first(), where)
    }

    fun wrong(field: String): TraceException = traceError("a valid $field", raw[field].toString().take(60), where)

    private fun value(field: String): Any? {
        if (field !in raw) throw traceError("field $field", "no such field", where)
        read.add(field)
        return raw[field]
    }

    private fun positive(value: Any?): Double? = (value as? JsonNumber)?.toDouble()?.takeIf { it >= 0 && it.isFinite() }
}

internal fun traceFields(
    raw: Any?,
    where: String,
): TraceFields {
    if (raw !is Map<*, *>) throw traceError("a JSON object", raw.toString().take(60), where)
    return TraceFields(raw.mapKeys { it.key as String }, where)
}

internal fun traceError(
    expected: String,
    found: String,
    where: String,
): TraceException =
    TraceException(
        "The trace breaks its format",
        expected,
        found,
        where,
        "Record it again; runtime_spec/TRACES.md describes the format.",
    )
