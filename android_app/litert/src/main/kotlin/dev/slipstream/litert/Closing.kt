package dev.slipstream.litert

/** Things to close, the last first. What fails while closing does not keep the others open. */
internal class Closing : AutoCloseable {
    private val resources = ArrayDeque<AutoCloseable>()

    fun <T : AutoCloseable> add(resource: T): T {
        resources.addLast(resource)
        return resource
    }

    /** Runs [close] when this is closed. */
    fun defer(close: () -> Unit) {
        resources.addLast(AutoCloseable(close))
    }

    override fun close() {
        var first: Throwable? = null
        while (resources.isNotEmpty()) {
            try {
                resources.removeLast().close()
            } catch (error: Throwable) {
                if (first == null) first = error else first.addSuppressed(error)
            }
        }
        first?.let { throw it }
    }
}

/** Runs [build], and closes what it had added if it fails. */
internal inline fun <T> closingOnError(
    closing: Closing,
    build: () -> T,
): T {
    try {
        return build()
    } catch (error: Throwable) {
        try {
            closing.close()
        } catch (second: Throwable) {
            error.addSuppressed(second)
        }
        throw error
    }
}
