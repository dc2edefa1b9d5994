package dev.slipstream.app.engine

/** Whether there is an engine, and why not. */
internal sealed interface EngineState {
    data object Absent : EngineState

    data object Loading : EngineState

    data class Ready(
        val info: EngineInfo,
    ) : EngineState

    /** Memory ran low and it was given back; [info] is of what was loaded. */
    data class Unloaded(
        val info: EngineInfo,
    ) : EngineState
}
