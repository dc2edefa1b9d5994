package dev.slipstream.app.engine

/** A loaded bundle, as the screens need it. Called by one thread at a time, never by the main one. */
internal interface Engine : AutoCloseable {
    val info: EngineInfo

    /**
     * Decodes one reply. [onProgress] gets each round's text at once, in the calling thread. [cancelled] is asked between
     * the steps of a round and the passes of a prompt; what was emitted until then is the reply.
     *
     * The engine remembers nothing but what its cache still has of an earlier request. Throws SlipstreamException.
     */
    fun reply(
        request: ReplyRequest,
        cancelled: () -> Boolean,
        onProgress: (ReplyProgress) -> Unit,
    ): ReplyEnd

    /** Every byte, every golden trace, then the bench; null when [cancelled]. */
    fun selfCheck(
        cancelled: () -> Boolean,
        onStep: (CheckStep) -> Unit,
    ): CheckOutcome?
}
