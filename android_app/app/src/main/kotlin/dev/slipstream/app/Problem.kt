package dev.slipstream.app

import dev.slipstream.app.storage.StorageException
import dev.slipstream.errors.BundleException
import dev.slipstream.errors.PromptTooLongException
import dev.slipstream.errors.RuntimeLibraryException
import dev.slipstream.errors.TraceException
import dev.slipstream.errors.UsageException
import java.io.IOException

/** An error by its kind: resources that say what is wrong, and what to do. [detail] is for who can mend it. */
internal data class Problem(
    val title: Int,
    val action: Int,
    val detail: String,
) {
    companion object {
        fun of(error: Exception): Problem {
            val (title, action) =
                when (error) {
                    is BundleException -> R.string.problem_bundle to R.string.problem_bundle_do
                    is PromptTooLongException -> R.string.problem_long to R.string.problem_long_do
                    is RuntimeLibraryException -> R.string.problem_library to R.string.problem_library_do
                    is StorageException -> R.string.problem_storage to R.string.problem_storage_do
                    is TraceException -> R.string.problem_trace to R.string.problem_trace_do
                    is UsageException -> R.string.problem_usage to R.string.problem_usage_do
                    is IOException -> R.string.problem_file to R.string.problem_file_do
                    is SecurityException -> R.string.problem_access to R.string.problem_access_do
                    else -> R.string.problem_other to R.string.problem_other_do
                }
            return Problem(title, action, error.message ?: error.javaClass.simpleName)
        }
    }
}
