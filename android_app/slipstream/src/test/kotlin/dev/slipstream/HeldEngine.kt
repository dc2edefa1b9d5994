package dev.slipstream

import dev.slipstream.engine.Engine
import dev.slipstream.engine.EngineReply
import dev.slipstream.engine.ReplyRequest
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger

/**
 * [engine], seen and held: where [holds] says so of an event it waits in the engine's thread until it is cancelled or let
 * go. With [holdsBefore] it does before a reply begins.
 */
internal class HeldEngine(
    private val engine: Engine,
) : Engine by engine {
    @Volatile
    var holds: (ReplyEvent) -> Boolean = { false }

    @Volatile
    var holdsBefore = false

    /** So many passes of a prefill are told of first, as a long prompt has them. */
    @Volatile
    var passes = 0

    @Volatile
    var held = CountDownLatch(1)
    val replies = AtomicInteger()
    val inside = AtomicInteger()
    val most = AtomicInteger()
    val threads: MutableSet<Thread> = ConcurrentHashMap.newKeySet()

    @Volatile
    var isClosed = false

    override fun reply(
        request: ReplyRequest,
        cancelled: () -> Boolean,
        onEvent: (ReplyEvent) -> Unit,
    ): EngineReply {
        threads.add(Thread.currentThread())
        most.accumulateAndGet(inside.incrementAndGet(), ::maxOf)
        try {
            if (holdsBefore) hold({ holdsBefore }, cancelled)
            repeat(passes) { onEvent(ReplyEvent.Prefill(it, passes)) }
            return engine.reply(request, cancelled) { event ->
                onEvent(event)
                if (holds(event)) hold({ holds(event) }, cancelled)
            }
        } finally {
            inside.decrementAndGet()
            replies.incrementAndGet()
        }
    }

    private fun hold(
        waits: () -> Boolean,
        cancelled: () -> Boolean,
    ) {
        held.countDown()
        while (waits() && !cancelled()) Thread.sleep(1)
    }

    /** [holdsAtTrace] holds a self-check at its first trace. */
    @Volatile
    var holdsAtTrace = false

    override fun selfCheck(
        benchSeconds: Double,
        cancelled: () -> Boolean,
        onStep: (CheckStep) -> Unit,
    ): CheckOutcome? =
        engine.selfCheck(benchSeconds, cancelled) { step ->
            onStep(step)
            if (step.kind == CheckStep.Kind.TRACE && holdsAtTrace) hold({ true }, cancelled)
        }

    override fun close() {
        isClosed = true
        engine.close()
    }
}
