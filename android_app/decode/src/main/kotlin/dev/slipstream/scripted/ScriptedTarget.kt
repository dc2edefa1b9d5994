package dev.slipstream.scripted

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.intListOf
import dev.slipstream.decode.MarginTarget
import dev.slipstream.decode.TargetOutput
import dev.slipstream.decode.argmax
import dev.slipstream.decode.margin
import dev.slipstream.sampling.Sampler
import dev.slipstream.sampling.splitmix
import java.nio.FloatBuffer

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
    private val sampler: Sampler? = null,
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
        sampler?.forgetDrafts()
    }

    override fun prefill(
        tokens: IntList,
        position: Int,
    ): TargetOutput {
        if (tokens.isEmpty()) throw MisuseException("prefill of no tokens")
        write(tokens, position, tokens.size)
        val slot = position + tokens.size - 1
        return output(slot, intListOf(tokens.last()))
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
        return output(position, tokens)
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
        sampler?.wrote(tokens, position)
        // A dynamic-update-slice clamps its start: a pass that is too wide lands on live rows.
        val start = minOf(position, capacity - width)
        for (i in 0 until width) rows[start + i] = if (i < tokens.size) tokens[i] else PADDING
        for (slot in start until end) states[slot + 1] = splitmix(states[slot] xor rows[slot].toLong())
        cacheLength = end
    }

    /** What is said after each of [tokens], which stand in slots [position].. */
    private fun output(
        position: Int,
        tokens: IntList,
    ): TargetOutput {
        val said = MutableIntList()
        if (sampler == null) {
            for (i in tokens.indices) said.add(token(position + i))
        } else {
            val rows = FloatBuffer.allocate(tokens.size * script.vocab)
            for (i in tokens.indices) writeRow(rows, i * script.vocab, position + i)
            sampler.targetTokens(rows, script.vocab, tokens, position, said)
        }
        lastSlots = position until position + said.size
        return TargetOutput(said, lastSlots.map { states[it + 1] })
    }

    private fun writeRow(
        rows: FloatBuffer,
        begin: Int,
        slot: Int,
    ) {
        val given = script.logits[slot]
        for (token in 0 until script.vocab) {
            rows.put(begin + token, given?.get(token)?.toFloat() ?: scriptedLogit(states[slot + 1], token))
        }
    }

    private fun token(slot: Int): Int =
        script.logits[slot]?.let(::argmax) ?: ((states[slot + 1] ushr 33) % script.vocab).toInt()
}
