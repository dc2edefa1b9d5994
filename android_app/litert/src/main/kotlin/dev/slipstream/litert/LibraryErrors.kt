package dev.slipstream.litert

import com.sun.jna.Platform
import dev.slipstream.errors.RuntimeLibraryException

/** What is most likely to mend a failure of LiteRT: on a phone its user can't choose a library. */
internal enum class Remedy(
    private val onPhone: String,
    private val elsewhere: String,
) {
    LIBRARY(
        "Install an app that was built with LiteRT's library, litert-2.3.0.aar.",
        "Take libLiteRt.so of LiteRT 2.3.0 and name it in ${LiteRtLibrary.ENVIRONMENT_VARIABLE}.",
    ),
    PROCESS("Close the app and start it again.", "Name one library for the whole process, or start another one."),
    MEMORY(
        "Close other apps and open the model again; one of a smaller context or recipe needs less memory.",
        "Free some memory, or take a bundle of a smaller context or recipe.",
    ),
    DISK("Free some storage on the phone and open the model again.", "Free some room on the disk and run it again."),
    UNKNOWN(
        "Close other apps, free some storage, and open the model again. If that is no help, run the self-check and " +
            "send its result to who made the app.",
        "Free memory and disk; if that is no help, take libLiteRt.so of LiteRT 2.3.0 and name it in " +
            "${LiteRtLibrary.ENVIRONMENT_VARIABLE}.",
    ), ;

    fun action(isPhone: Boolean): String = if (isPhone) onPhone else elsewhere
}

internal fun libraryError(
    title: String,
    expected: String,
    found: String,
    where: String,
    remedy: Remedy = Remedy.LIBRARY,
    isPhone: Boolean = Platform.isAndroid(),
): RuntimeLibraryException = RuntimeLibraryException(title, expected, found, where, remedy.action(isPhone))

/** A [function] of LiteRT's that gave [status], which is not 0. */
internal fun statusError(
    function: String,
    status: Int,
    where: String,
    isPhone: Boolean = Platform.isAndroid(),
): RuntimeLibraryException {
    val remedy =
        when (status) {
            MEMORY_ALLOCATION_FAILURE -> Remedy.MEMORY
            FILE_IO -> Remedy.DISK
            WRONG_VERSION, DYNAMIC_LOADING -> Remedy.LIBRARY
            else -> Remedy.UNKNOWN
        }
    return libraryError("$function failed", "status 0", statusText(status), where, remedy, isPhone)
}

/** The number of a LiteRtStatus, and what LiteRT's headers call it. */
internal fun statusText(status: Int): String {
    val name = STATUSES[status] ?: return "status $status"
    return "status $status, $name"
}

private const val MEMORY_ALLOCATION_FAILURE = 2
private const val WRONG_VERSION = 8
private const val FILE_IO = 500
private const val DYNAMIC_LOADING = 502

/** As runtime_spec/litert/library.py has them. */
private val STATUSES =
    mapOf(
        1 to "invalid argument",
        2 to "memory allocation failure",
        3 to "runtime failure",
        4 to "missing input tensor",
        5 to "unsupported",
        6 to "not found",
        7 to "timeout expired",
        8 to "wrong version",
        9 to "unknown",
        10 to "already exists",
        100 to "cancelled",
        500 to "file IO",
        501 to "invalid flatbuffer",
        502 to "dynamic loading",
        503 to "serialization",
        504 to "compilation",
    )
