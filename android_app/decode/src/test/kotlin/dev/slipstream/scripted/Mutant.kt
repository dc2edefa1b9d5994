package dev.slipstream.scripted

import dev.slipstream.repository
import org.junit.jupiter.api.Assertions.assertNotEquals
import java.nio.file.Path
import kotlin.io.path.createDirectories
import kotlin.io.path.readText
import kotlin.io.path.writeText

/** A fault to plant: in [file], [right] becomes [wrong]. */
data class Mutant(
    val name: String,
    val file: String,
    val right: String,
    val wrong: String,
) {
    override fun toString() = name

    /**
     * Writes a faulty copy of the files that [copied] has, with their packages, below [sources], in a package of its
     * own. Imports of whole packages yield to the copies, which are in the same package.
     */
    fun write(
        copied: Map<String, String>,
        sources: Path,
    ) {
        val folder = sources.resolve(name).createDirectories()
        for ((name, sourceFolder) in copied) {
            val source = SOURCES.map { it.resolve("$sourceFolder/$name.kt") }.first { it.toFile().exists() }.readText()
            val changed = if (name == file) source.replaceFirst(right, wrong) else source
            if (name == file && right != "") assertNotEquals(source, changed, "$this: $right is not in $name.kt")
            val own = changed.replace(Regex("import dev\\.slipstream\\.(decode|trace|scripted|sampling)\\..*\n"), "")
            val names = listOf("decode.*", "decode.Target", "trace.*", "scripted.*", "sampling.*")
            val packages = names.joinToString("") { "import dev.slipstream.$it\n" }
            val begin = "package mutants.${this.name}\n\n$packages"
            folder.resolve("$name.kt").writeText(own.replaceFirst(Regex("package .*\n"), begin))
        }
    }

    private companion object {
        val SOURCES: List<Path> =
            listOf("main", "test").map { repository.resolve("android_app/decode/src/$it/kotlin/dev/slipstream") }
    }
}
