package dev.slipstream.app

import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update

/** Something that goes on whether or not a window shows it. [stop] ends it at its next step. */
internal class Work(
    val kind: Kind,
    val stop: () -> Unit,
) {
    enum class Kind {
        REPLY,
        IMPORT,
        CHECK,
    }
}

/** What goes on now, the oldest first. [onBegin] is called when something begins. */
internal class Works(
    private val onBegin: () -> Unit = {},
) {
    private val states = MutableStateFlow<List<Work>>(emptyList())
    val state: StateFlow<List<Work>> = states.asStateFlow()

    /** Runs [block] as something of [kind] that goes on. */
    suspend fun <T> during(
        kind: Work.Kind,
        stop: () -> Unit,
        block: suspend () -> T,
    ): T {
        val work = Work(kind, stop)
        states.update { it + work }
        onBegin()
        try {
            return block()
        } finally {
            states.update { it - work }
        }
    }

    fun stopAll() = states.value.forEach { it.stop() }
}
