package dev.slipstream.litert

import dev.slipstream.errors.UsageException
import java.nio.FloatBuffer
import java.nio.IntBuffer

/** The drafter's one graph, over the target's caches: a token and a hidden in, logits and a hidden out. */
internal class DraftStep(
    private val call: BoundCall,
    private val embeddings: Embeddings,
) {
    /** float32\[2H]: the embedding of the last token, then the hidden. */
    private val activations: FloatBuffer = call.inputs.getValue("activations").floats()
    private val hiddenSize = activations.capacity() / 2
    private val inputPosition: IntBuffer = call.inputs.getValue("input_pos").ints()
    private val mask: PrefixMask
    private val capacity: Int

    /** float32\[V], of the last [run]. */
    val logits: FloatBuffer = call.outputs.getValue("logits").floats()

    /** float32\[H]: the hidden that the next step of the round takes. */
    val projected: FloatBuffer = call.outputs.getValue("projected_activations").floats()

    init {
        val buffer = call.inputs.getValue("mask").floats()
        capacity = buffer.capacity()
        mask = PrefixMask(buffer, capacity)
    }

    /** Begins a round. The position given to the graph is one less, and constant over the round, as LiteRT-LM passes it. */
    fun begin(position: Int) {
        checkPosition(position)
        inputPosition.put(0, position - 1)
        mask.show(position)
    }

    fun run(
        token: Int,
        hidden: FloatBuffer,
    ) {
        hidden.position(0)
        activations.position(hiddenSize)
        activations.put(hidden)
        embeddings.writeRow(token, activations)
        call.run()
    }

    private fun checkPosition(position: Int) {
        if (position in 1..capacity) return
        throw UsageException(
            "There is nothing to draft from",
            expected = "1 to $capacity live slots",
            found = "position $position",
            where = "the drafter, capacity $capacity",
            action = "Prefill a prompt that fits first.",
        )
    }
}
