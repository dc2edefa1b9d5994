package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.decode.TargetOutput
import dev.slipstream.errors.UsageException
import dev.slipstream.sampling.Sampler
import dev.slipstream.sampling.margin
import java.nio.FloatBuffer
import java.nio.IntBuffer
import kotlin.LazyThreadSafetyMode.NONE

/**
 * One graph of the target over [width] rows, the signature [name]: `prefill_N` fills the cache, `decode` and `verify` also
 * score.
 */
internal class Pass(
    private val call: BoundCall,
    private val name: String,
) {
    private val positions: IntBuffer = call.inputs.getValue("input_pos").ints()
    val width: Int = positions.capacity()
    private val embeddings: FloatBuffer = call.inputs.getValue("embeddings").floats()
    private val perLayer: FloatBuffer? = call.inputs["per_layer_embeddings"]?.floats()
    private val mask: CausalMask
    private val capacity: Int
    private val choices = Choices.of(call.outputs)

    /** Nobody looks at them, until somebody needs more than the graph's own choices. */
    internal val logits: Lazy<FloatBuffer> = lazy(NONE) { call.outputs.getValue("logits").floats() }
    private val targetTokens = MutableIntList(width)

    /** Tokens and hiddens of the last [score]; a hidden is a view float32\[H] of the graph's output. */
    private val output = TargetOutput(targetTokens, hiddens())

    init {
        val buffer = call.inputs.getValue("mask").floats()
        capacity = buffer.capacity() / width
        mask = CausalMask(buffer, width, capacity)
    }

    /**
     * Writes [tokens] at slots [position]..; rows behind them are padding and land in dead slots.
     *
     * UsageException, before anything is written, unless there are 1 to [width] tokens and the pass ends within the cache.
     */
    fun run(
        tokens: IntList,
        position: Int,
        rows: Embeddings,
    ) {
        check(tokens.size, position)
        rows.write(tokens, embeddings, perLayer)
        for (row in 0 until width) positions.put(row, position + row)
        mask.moveTo(position)
        call.run()
    }

    /** The graph refuses nothing: an update that would end past the cache is moved back over live slots. */
    private fun check(
        count: Int,
        position: Int,
    ) {
        if (count in 1..width && position in 0..capacity - width) return
        throw UsageException(
            "A pass does not fit the cache",
            expected = "1 to $width tokens, and a pass that ends at or before slot $capacity",
            found = "$count tokens at position $position, width $width",
            where = "the target, capacity $capacity",
            action = "Choose a narrower pass, or start a new conversation.",
        )
    }

    /**
     * What the target says by [sampler], and its hidden, after each of [tokens] that the last [run] wrote. [compares]:
     * BundleException where a choice of the graph's is not that of its logits.
     */
    fun score(
        tokens: IntList,
        position: Int,
        sampler: Sampler,
        compares: Boolean,
    ): TargetOutput {
        val made = choices?.takeIf { sampler.sampling.isGreedy && it.areMade(tokens.size) }
        if (made == null || compares) {
            sampler.targetTokens(logits.value, vocab(), tokens, position, targetTokens)
            made?.check(targetTokens, logits.value, vocab(), name, position)
        } else {
            made.read(tokens.size, targetTokens)
            sampler.forgetDrafts()
        }
        return output
    }

    /** Of the rows that something was said after. */
    fun margins(): List<Double> {
        val made = choices?.takeIf { it.areMade(targetTokens.size) }
        return List(targetTokens.size) { row -> made?.margin(row) ?: margin(logits.value, row * vocab(), vocab()) }
    }

    private fun vocab(): Int = logits.value.capacity() / width

    private fun hiddens(): List<FloatBuffer> {
        val activations = call.outputs["activations"]?.floats() ?: return emptyList()
        val size = activations.capacity() / width
        return List(width) { row ->
            val view = activations.duplicate()
            view.position(row * size).limit((row + 1) * size)
            view.slice()
        }
    }
}
