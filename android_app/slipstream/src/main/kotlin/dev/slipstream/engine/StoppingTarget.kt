package dev.slipstream.engine

import androidx.collection.IntList
import dev.slipstream.decode.MarginTarget
import dev.slipstream.decode.TargetOutput

/**
 * [target] for a replay that somebody may end: a turn's own `cancelled` belongs to its trace. Asks [cancelled] before
 * each pass, and throws StoppedException where it says yes.
 */
internal class StoppingTarget(
    private val target: MarginTarget,
    private val cancelled: () -> Boolean,
) : MarginTarget by target {
    override fun fill(
        tokens: IntList,
        position: Int,
    ) {
        ask()
        target.fill(tokens, position)
    }

    override fun prefill(
        tokens: IntList,
        position: Int,
    ): TargetOutput {
        ask()
        return target.prefill(tokens, position)
    }

    override fun verify(
        tokens: IntList,
        position: Int,
        width: Int,
    ): TargetOutput {
        ask()
        return target.verify(tokens, position, width)
    }

    private fun ask() {
        if (cancelled()) throw StoppedException()
    }
}

/** Whoever asked for it wants no more of it. */
internal class StoppedException : RuntimeException()
