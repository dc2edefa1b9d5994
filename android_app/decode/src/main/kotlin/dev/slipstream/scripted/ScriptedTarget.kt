package dev.slipstream.scripted

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.decode.MarginTarget
import dev.slipstream.decode.TargetOutput
import dev.slipstream.decode.argmax
import dev.slipstream.decode.margin

private const val PADDING = 0x7FFFFFFF

/**
 * A target without weights: hash chains in place of a network (TRACES.md). `rows[p]` is the token written at slot p;
 * `states[p + 1]` is the hash of rows 0..p and serves as the hidden.
 *
 * It behaves as the real graphs do where a loop goes wrong: a pass that ends past the cache moves back over live rows
 * without a word. What a runtime could notice is a [MisuseException].
 */
internal class ScriptedTarget(
    val script: Script,
    override val capacity: Int,
    override val verifyWidths: IntList,
) : MarginTarget {
    var cacheLength = 0
        private set
    val states = LongArray(capacity + 1).also { it[0] = splitmix(script.seed) }
    private val rows = IntArray(capacity) { PADDING }
    private var lastSlots = 0 until 0

    override fun fillCount(
        numTokens: Int,
        position: Int,
    ): Int = if (numTokens > script.fillLength) script.fillLength else 0

    override fun fill(
        tokens: IntList,
        position: Int,
    ) {
        if (tokens.size != script.fillLength) {
            throw MisuseException("fill of ${tokens.size} tokens, passes of ${script.fillLength}")
        }
        write(tokens, position, tokens.size)
    }

    override fun prefill(
        tokens: IntList,
        position: Int,
    ): TargetOutput {
        if (tokens.isEmpty()) throw MisuseException("prefill of no tokens")
        write(tokens, position, tokens.size)
        val slot = position + tokens.size - 1
        return output(slot..slot)
    }

    override fun verify(
        tokens: IntList,
        position: Int,
        width: Int,
    ): TargetOutput {
        if (width !in verifyWidths || tokens.size !in 1..width) {
            throw MisuseException("${tokens.size} tokens in a pass of width $width, exported $verifyWidths")
        }
        write(tokens, position, width)
        return output(position until position + tokens.size)
    }

    override fun rollback(cacheLength: Int) {
        if (cacheLength !in 0..this.cacheLength) {
            throw MisuseException("rollback to $cacheLength of ${this.cacheLength} rows")
        }
        this.cacheLength = cacheLength
    }

    /** Made-up margins, multiples of 1/64 below 16, but true ones where logits were given. */
    override fun margins(): List<Double> =
        lastSlots.map { slot ->
            script.logits[slot]?.let { margin(it).toDouble() } ?: ((states[slot + 1] and 1023) / 64.0)
        }

    private fun write(
        tokens: IntList,
        position: Int,
        width: Int,
    ) {
        val end = position + tokens.size
        if (position !in 0..cacheLength || end > capacity || width > capacity) {
            throw MisuseException("rows $position..$end of $capacity, $cacheLength in the cache")
        }
        // A dynamic-update-slice clamps its start: a pass that is too wide lands on live rows.
        val start = minOf(position, capacity - width)
        for (i in 0 until width) rows[start + i] = if (i < tokens.size) tokens[i] else PADDING
        for (slot in start until end) states[slot + 1] = splitmix(states[slot] xor rows[slot].toLong())
        cacheLength = end
    }

    private fun output(slots: IntRange): TargetOutput {
        lastSlots = slots
        val tokens = MutableIntList()
        for (slot in slots) tokens.add(token(slot))
        return TargetOutput(tokens, slots.map { states[it + 1] })
    }

    private fun token(slot: Int): Int =
        script.logits[slot]?.let(::argmax) ?: ((states[slot + 1] ushr 33) % script.vocab).toInt()
}
