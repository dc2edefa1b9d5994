package dev.slipstream.app.check

import dev.slipstream.CheckOutcome
import dev.slipstream.CheckStep
import dev.slipstream.app.Problem

/** What the self-check's screen shows: [step] while it runs, then [outcome] or [problem]. */
internal data class CheckState(
    val step: CheckStep? = null,
    val outcome: CheckOutcome? = null,
    val thermalStatus: String? = null,
    val problem: Problem? = null,
    val isCancelled: Boolean = false,
)
