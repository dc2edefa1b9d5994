package dev.slipstream.bundle

import dev.slipstream.errors.BundleException
import java.io.File

private const val MAX_METADATA = 16L * 1024 * 1024
private const val MAX_PACKED_TOKENIZER = 256L * 1024 * 1024
private const val MAX_TRACES = 64L * 1024 * 1024

/**
 * An open `.litertlm` with Slipstream's manifest. [open] checks header and manifest, [verifyHashes] every byte.
 *
 * Any thread may call anything. After [close] only what was handed out before may be used: values, and buffers of
 * [map], which stay mapped until they are garbage. Interrupting a thread that reads or maps closes the file, as with
 * every `FileChannel`. The file must not be cut while it is open: a mapped byte that is gone ends the process.
 */
public class Bundle private constructor(
    /** Where the file is. */
    public val path: File,
    internal val source: FileSource,
    loaded: LoadedBundle,
) : AutoCloseable {
    /** In the header's order; the manifest is the last. */
    public val sections: List<Section> = loaded.sections

    /** Proven by its own hash, and it fits the header. */
    public val manifest: Manifest = loaded.manifest

    /** Bytes of the file. */
    public val size: Long get() = source.size

    /** Whether there is a section of this name. */
    public fun has(name: String): Boolean = sections.any { it.name == name }

    /** The section of this name; BundleException when the bundle lacks it. */
    public fun section(name: String): Section =
        sections.firstOrNull { it.name == name }
            ?: throw bundleError("Bundle lacks a section", name, sections.joinToString(", ") { it.name }, path.path)

    /** The `tokenizer.json`. BundleException when the section is not exactly one. */
    public fun tokenizerJson(): ByteArray =
        unpackTokenizer(
            contents("tokenizer", MAX_PACKED_TOKENIZER),
            whereIs("tokenizer"),
            tokenizerLimit(manifest.config.vocabSize),
        )

    /** LiteRT-LM's LlmMetadata message, serialized. */
    public fun llmMetadata(): ByteArray = contents("llm_metadata", MAX_METADATA)

    /** Golden traces by name, each JSON Lines text. */
    public fun traces(): Map<String, String> = unpackTraces(contents("traces", MAX_TRACES), whereIs("traces"))

    /** Ends reading. Twice is as once. */
    override fun close(): Unit = source.close()

    private fun contents(
        name: String,
        limit: Long,
    ): ByteArray {
        val section = section(name)
        if (section.size > limit) {
            val found = "${section.size} bytes"
            throw bundleError("Bundle's section is too large", "at most $limit bytes", found, whereIs(name))
        }
        return source.read(section.begin, section.end)
    }

    private fun whereIs(name: String) = "$path, section $name"

    public companion object {
        /** BundleException when it can't be opened, is no bundle of ours, is newer, or is damaged in what is read. */
        public fun open(path: File): Bundle {
            val source = FileSource.open(path)
            try {
                return Bundle(path, source, loadBundle(source, path.path))
            } catch (error: BundleException) {
                source.close()
                throw error
            }
        }
    }
}
