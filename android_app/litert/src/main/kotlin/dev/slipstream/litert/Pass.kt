package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.decode.TargetOutput
import dev.slipstream.errors.UsageException
import dev.slipstream.sampling.Sampler
import dev.slipstream.sampling.margin
import java.nio.FloatBuffer
import java.nio.IntBuffer

/** One graph of the target over [width] rows: `prefill_N` fills the cache, `decode` and `verify` also score. */
internal class Pass(
    private val call: BoundCall,
) {
    private val positions: IntBuffer = call.inputs.getValue("input_pos").ints()
    val width: Int = positions.capacity()
    private val embeddings: FloatBuffer = call.inputs.getValue("embeddings").floats()
    private val perLayer: FloatBuffer? = call.inputs["per_layer_embeddings"]?.floats()
    private val mask: CausalMask
    private val capacity: Int
    private val logits: FloatBuffer? = call.outputs["logits"]?.floats()
    private val targetTokens = MutableIntList(width)

    /** Tokens and hiddens of the last [score]; a hidden is a view float32\[H] of the graph's output. */
    private val output = TargetOutput(targetTokens, hiddens())
    private val vocab = (logits?.capacity() ?: 0) / width

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

    /** What the target says by [sampler], and its hidden, after each of [tokens] that the last [run] wrote. */
    fun score(
        tokens: IntList,
        position: Int,
        sampler: Sampler,
    ): TargetOutput {
        val logits = checkNotNull(logits) { "a prefill graph does not score" }
        sampler.targetTokens(logits, vocab, tokens, position, targetTokens)
        return output
    }

    fun margins(): List<Double> = List(targetTokens.size) { row -> margin(checkNotNull(logits), row * vocab, vocab) }

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
