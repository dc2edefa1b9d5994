package dev.slipstream.app

import dev.slipstream.errors.SlipstreamException

/** An error in plain words: what is wrong, what was expected and found, where, and what to do. */
internal data class Problem(
    val title: String,
    val expected: String,
    val found: String,
    val where: String,
    val action: String,
) {
    companion object {
        fun of(error: Exception): Problem =
            if (error is SlipstreamException) {
                Problem(error.title, error.expected, error.found, error.where, error.action)
            } else {
                val found = error.message ?: error.javaClass.simpleName
                Problem("This did not work", "an answer from Android", found, "this phone", "Try it again.")
            }
    }
}
