package dev.slipstream.litert

import java.nio.FloatBuffer
import java.nio.IntBuffer

/**
 * The drafter's graph that drafts [count] tokens in one call, each the greedy choice. Position and mask are those of the
 * [DraftStep], whose round it is.
 */
internal class Drafts(
    private val call: BoundCall,
    private val embeddings: Embeddings,
) {
    private val bonusToken: IntBuffer = call.inputs.getValue("token_ids").ints()
    private val activations: FloatBuffer = call.inputs.getValue("activations").floats()

    /** int32\[count], of the last [run]. */
    val tokens: IntBuffer = call.outputs.getValue("draft_tokens").ints()

    /** float32\[count, 8]: the largest logits of each draft, descending. */
    val largest: FloatBuffer = call.outputs.getValue("largest_logits").floats()
    val count: Int = tokens.capacity()

    /** The drafts that follow [token], the hidden before it being [hidden]. UsageException for no token of the model. */
    fun run(
        token: Int,
        hidden: FloatBuffer,
    ) {
        embeddings.check(token)
        bonusToken.put(0, token)
        hidden.position(0)
        activations.position(0)
        activations.put(hidden)
        call.run()
    }
}
