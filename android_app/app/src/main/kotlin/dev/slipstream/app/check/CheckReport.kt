package dev.slipstream.app.check

import dev.slipstream.CheckOutcome
import dev.slipstream.json.json
import java.io.File
import java.nio.file.Files
import java.nio.file.StandardCopyOption

/** The self-check's result as a file; the app's README describes its JSON. */
internal class CheckReport(
    val file: File,
    private val device: () -> Map<String, Any?>,
    private val thermalStatus: () -> String,
) {
    /** To be called when a check begins: who waits for a file must not find an old one. */
    fun clear() {
        file.delete()
    }

    /** Puts the file there whole. Returns the device's thermal status. */
    fun write(outcome: CheckOutcome): String {
        val status = thermalStatus()
        val fields =
            mapOf(
                "format" to FORMAT,
                "version" to VERSION,
                "bundle_sha256" to outcome.bundleSha256,
                "device" to device(),
                "passed" to outcome.passed,
                "first_difference" to outcome.firstDifference,
                "rounds" to outcome.rounds,
                "target_forks" to outcome.targetForks,
                "draft_forks" to outcome.draftForks,
                "bench" to outcome.bench,
                "thermal_status" to status,
                "traces" to outcome.traces,
            )
        val part = File(file.path + ".part")
        file.parentFile?.mkdirs()
        part.writeText(json(fields) + "\n")
        val options = arrayOf(StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING)
        Files.move(part.toPath(), file.toPath(), *options)
        return status
    }

    /** A check that could not begin or end: the file says why. */
    fun writeFailure(
        bundleSha256: String,
        reason: String,
    ) {
        write(CheckOutcome(bundleSha256, reason, emptyMap(), 0, 0, emptyMap(), emptyMap()))
    }

    private companion object {
        const val FORMAT = "slipstream-self-check"
        const val VERSION = 1
    }
}
