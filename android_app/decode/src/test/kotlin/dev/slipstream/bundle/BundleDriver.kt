package dev.slipstream.bundle

import com.google.gson.GsonBuilder
import dev.slipstream.errors.SlipstreamException
import java.io.File
import java.io.RandomAccessFile

/**
 * For tests/android/test_bundle.py: reads paths from standard input, one a line, and prints a line of JSON for each:
 * what a whole reading of that bundle gives, or the parts of its error.
 */
fun main() {
    val json = GsonBuilder().serializeNulls().disableHtmlEscaping().create()
    generateSequence(::readlnOrNull).forEach { println(json.toJson(readWhole(File(it)))) }
}

private fun readWhole(path: File): Map<String, Any?> =
    try {
        Bundle.open(path).use { bundle ->
            verifyHashes(bundle)
            mapOf(
                "sections" to bundle.sections.map { listOf(it.name, it.dataType, it.modelType, it.begin, it.end) },
                "manifest" to bundle.manifest.manifestSha256,
                "tokenizer" to sha256(bundle.tokenizerJson()),
                "metadata" to sha256(bundle.llmMetadata()),
                "traces" to bundle.traces().mapValues { sha256(it.value.toByteArray()) },
                "mapped" to bundle.sections.associate { it.name to sha256(content(bundle, it)) },
            )
        }
    } catch (error: SlipstreamException) {
        mapOf(
            "title" to error.title,
            "expected" to error.expected,
            "found" to error.found,
            "where" to error.where,
            "action" to error.action,
        )
    }

private fun content(
    bundle: Bundle,
    section: Section,
): ByteArray =
    RandomAccessFile(bundle.path, "r").use { file ->
        file.seek(section.begin)
        ByteArray(section.size.toInt()).also(file::readFully)
    }
