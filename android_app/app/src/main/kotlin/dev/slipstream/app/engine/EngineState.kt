package dev.slipstream.app.engine

import dev.slipstream.ModelInfo
import dev.slipstream.Slipstream

/** Whether there is a model, and why not. */
internal sealed interface EngineState {
    data object Absent : EngineState

    data object Loading : EngineState

    data class Ready(
        val model: Slipstream,
    ) : EngineState {
        val info: ModelInfo get() = model.info
    }

    /** Memory ran low and it was given back; [info] is of what was loaded. */
    data class Unloaded(
        val info: ModelInfo,
    ) : EngineState
}
