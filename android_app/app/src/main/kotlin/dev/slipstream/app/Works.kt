package dev.slipstream.app

import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update

/**
 * Something that goes on whether or not a window shows it. [stop] ends it at its next step; [percent] is how much of it is
 * done, null where nobody knows.
 */
internal data class Work(
    val kind: Kind,
    val stop: () -> Unit,
    val percent: Int? = null,
) {
    enum class Kind {
        REPLY,
        IMPORT,
        CHECK,
    }
}

/** What goes on now, by kind, of which there is one at a time. [onBegin] is called when something begins. */
internal class Works(
    private val onBegin: () -> Unit = {},
) {
    private val states = MutableStateFlow<Map<Work.Kind, Work>>(emptyMap())
    val state: StateFlow<Map<Work.Kind, Work>> = states.asStateFlow()

    /** Runs [block] as something of [kind] that goes on. */
    suspend fun <T> during(
        kind: Work.Kind,
        stop: () -> Unit,
        block: suspend () -> T,
    ): T {
        states.update { it + (kind to Work(kind, stop)) }
        onBegin()
        try {
            return block()
        } finally {
            states.update { it - kind }
        }
    }

    /** How much of what is of [kind] is done; nothing where that is over. */
    fun tell(
        kind: Work.Kind,
        percent: Int,
    ) = states.update { works -> works[kind]?.let { works + (kind to it.copy(percent = percent)) } ?: works }

    fun stopAll() = states.value.values.forEach { it.stop() }
}
