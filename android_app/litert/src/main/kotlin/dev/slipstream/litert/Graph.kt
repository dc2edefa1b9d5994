package dev.slipstream.litert

import dev.slipstream.errors.BundleException
import dev.slipstream.errors.RuntimeLibraryException
import dev.slipstream.bundle.Signature as Declared

/** A section's mapped bytes, and the signatures that the manifest of the bundle at [path] says it has. */
internal class Graph(
    val section: String,
    private val range: MappedRange,
    val declared: Map<String, Declared>,
    val path: String,
) {
    /** The handle of the model, to be destroyed. BundleException where the bytes are none. */
    fun open(
        library: LiteRtLibrary,
        environment: Long,
    ): Long =
        try {
            library.create("LiteRtCreateModelFromBuffer") {
                LiteRtApi.LiteRtCreateModelFromBuffer(environment, range.address, range.size, it)
            }
        } catch (error: RuntimeLibraryException) {
            throw BundleException(
                "Bundle has a section that is no graph",
                expected = "a TFLite model",
                found = "${error.title}, ${error.found}",
                where = "$path, section $section",
                action = "Export the bundle again.",
            )
        }
}
