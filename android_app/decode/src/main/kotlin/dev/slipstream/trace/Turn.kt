package dev.slipstream.trace

import androidx.collection.IntList

/**
 * A prompt and its budget; [cancelAt] is how often the loop may ask before it is told to stop (null: never).
 * [fromStart]: the prompt is the whole context, of which the cache keeps what it holds already.
 */
public class Turn(
    public val promptTokens: IntList,
    public val maxNewTokens: Int,
    public val cancelAt: Int? = null,
    public val fromStart: Boolean = false,
)
