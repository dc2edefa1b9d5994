package dev.slipstream.app.check

import dev.slipstream.app.Problem
import dev.slipstream.app.engine.CheckOutcome
import dev.slipstream.app.engine.CheckStep

/** What the self-check's screen shows: [step] while it runs, then [outcome] or [problem]. */
internal data class CheckState(
    val step: CheckStep? = null,
    val outcome: CheckOutcome? = null,
    val thermalStatus: String? = null,
    val problem: Problem? = null,
    val isCancelled: Boolean = false,
)
