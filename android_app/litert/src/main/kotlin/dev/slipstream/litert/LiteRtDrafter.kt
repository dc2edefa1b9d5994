package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.Hidden
import dev.slipstream.errors.UsageException
import java.nio.FloatBuffer
import java.nio.IntBuffer

/** The drafter over LiteRT: draft steps over the target's caches; greedy. */
internal class LiteRtDrafter(
    private val call: BoundCall,
    private val embeddings: Embeddings,
) : Drafter {
    /** float32\[2H]: the embedding of the last token, then the hidden. */
    private val activations: FloatBuffer = call.inputs.getValue("activations").floats()
    private val hiddenSize = activations.capacity() / 2
    private val inputPosition: IntBuffer = call.inputs.getValue("input_pos").ints()
    private val mask: PrefixMask
    private val capacity: Int
    private val logits: FloatBuffer = call.outputs.getValue("logits").floats()
    private val projected: FloatBuffer = call.outputs.getValue("projected_activations").floats()
    private val draftTokens = MutableIntList()

    init {
        val buffer = call.inputs.getValue("mask").floats()
        capacity = buffer.capacity()
        mask = PrefixMask(buffer, capacity)
    }

    /** The position given to the graph is one less, and constant over the round, as LiteRT-LM passes it. */
    override fun draft(
        bonusToken: Int,
        hidden: Hidden,
        position: Int,
        count: Int,
    ): IntList {
        checkPosition(position)
        inputPosition.put(0, position - 1)
        mask.show(position)
        writeHidden(hidden as FloatBuffer)
        draftTokens.clear()
        var token = bonusToken
        for (step in 0 until count) {
            if (step > 0) writeHidden(projected)
            embeddings.writeRow(token, activations)
            call.run()
            token = bestToken(logits, 0, logits.capacity(), position + step)
            draftTokens.add(token)
        }
        return draftTokens
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

    private fun writeHidden(hidden: FloatBuffer) {
        hidden.position(0)
        activations.position(hiddenSize)
        activations.put(hidden)
    }
}
