package dev.slipstream.bundle

import dev.slipstream.compileMutants
import dev.slipstream.errors.BundleException
import dev.slipstream.repository
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.TestInstance
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import java.lang.reflect.InvocationTargetException
import java.nio.file.Path
import kotlin.io.path.createDirectories
import kotlin.io.path.readText
import kotlin.io.path.writeText
import kotlin.random.Random

/**
 * Faults planted in the reader's own sources: what it refuses, it must no longer refuse with the fault. All mutants
 * are compiled in one go, each a copy of the changed file, and of those between it and what is called, in a package of
 * its own.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MutantsTest {
    /** Functions of one package, the reader's or a mutant's. */
    class Reader(
        private val loader: ClassLoader,
        private val name: String,
    ) {
        fun call(
            function: String,
            vararg arguments: Any?,
        ): Any? {
            val (file, method) = function.split(".")
            val methods = Class.forName("$name.${file}Kt", true, loader).methods
            try {
                return methods.first { it.name == method }.invoke(null, *arguments)
            } catch (error: InvocationTargetException) {
                throw error.targetException
            }
        }
    }

    /** [files]: the changed one first. [attack] is refused with a BundleException by a reader that does its work. */
    class Mutant(
        val name: String,
        val right: String,
        val wrong: String,
        val files: List<String>,
        val attack: (Reader) -> Unit,
    ) {
        override fun toString() = name
    }

    private lateinit var loader: ClassLoader

    @BeforeAll
    fun compile(
        @TempDir folder: Path,
    ) {
        for (mutant in mutants()) write(mutant, folder.resolve("src/${mutant.name}"))
        loader = compileMutants(folder.resolve("src"), folder.resolve("classes"))
    }

    @ParameterizedTest
    @MethodSource("mutants")
    fun `the reader refuses what a mutant does not`(mutant: Mutant) {
        assertTrue(refuses(Reader(loader, "dev.slipstream.bundle"), mutant))
        assertFalse(refuses(Reader(loader, "mutants.${mutant.name}"), mutant))
    }

    private fun refuses(
        reader: Reader,
        mutant: Mutant,
    ): Boolean =
        try {
            mutant.attack(reader)
            false
        } catch (_: BundleException) {
            true
        } catch (_: IndexOutOfBoundsException) {
            false
        } catch (_: AssertionError) {
            false // more memory or time than a case may take
        }

    private fun write(
        mutant: Mutant,
        folder: Path,
    ) {
        folder.createDirectories()
        for ((index, file) in mutant.files.withIndex()) {
            val source = MAIN.resolve("$file.kt").readText()
            if (index == 0) assertEquals(2, source.split(mutant.right).size, "${mutant.right} in $file.kt")
            val changed = if (index == 0) source.replace(mutant.right, mutant.wrong) else source
            val begin = "package mutants.${mutant.name}\n\nimport dev.slipstream.bundle.*\n"
            folder.resolve("$file.kt").writeText(changed.replaceFirst("package dev.slipstream.bundle\n", begin))
        }
    }

    private companion object {
        val MAIN: Path = repository.resolve("android_app/decode/src/main/kotlin/dev/slipstream/bundle")
        val whole = SmallBundle.write()
        val text = whole.copyOfRange(manifestBegin(whole), whole.size).decodeToString()
        val sections = parseHeader(whole.copyOf(ALIGNMENT), whole.size.toLong(), "test")

        fun load(bundle: ByteArray): (Reader) -> Unit =
            { it.call("LoadedBundle.loadBundle", MemorySource(bundle), "test") }

        fun spelled(
            old: String,
            new: String,
        ): (Reader) -> Unit = load(withManifest(whole, text.replace(old, new).toByteArray()))

        fun flipped(at: Int): ByteArray = whole.copyOf().also { it[at] = (it[at].toInt() xor 1).toByte() }

        fun header(
            begin: Long,
            end: Long,
        ): (Reader) -> Unit {
            val bytes = SmallBundle.header(mapOf("main" to ByteRange(begin, end)))
            return { it.call("Header.parseHeader", bytes, 100_000L, "test") }
        }

        /** Refused only when each of the drawn headers is refused or read. */
        fun hostileHeaders(reader: Reader) {
            val mutator = Mutator(Random(1))
            repeat(500) {
                val header = mutator.mutate(whole.copyOf(ALIGNMENT), within = 600, keepSize = true)
                runCatching { reader.call("Header.parseHeader", header, whole.size.toLong(), "test") }
                    .exceptionOrNull()
                    ?.let { if (it !is BundleException) throw it }
            }
            throw bundleError("", "", "", "")
        }

        fun tokenizer(section: ByteArray): (Reader) -> Unit =
            {
                it.call(
                    "Unpack.unpackTokenizer",
                    section,
                    "test",
                    1L shl 26,
                )
            }

        /** Refused only when it was so within the memory that it may take. */
        fun cheaply(
            allowedBytes: Int,
            attack: (Reader) -> Unit,
        ): (Reader) -> Unit =
            { reader ->
                Guarded().run(allowedBytes + (1L shl 20)) { attack(reader) }
                throw bundleError("", "", "", "")
            }

        fun changedPadding(reader: Reader) {
            val changed = MemorySource(flipped(sections.first { it.name == "main" }.end.toInt()))
            val entries = loadBundle(MemorySource(whole), "test").manifest.sections
            val covered = listOf(0L to ALIGNMENT.toLong(), sections.last().run { begin to end })
            val ranges = covered.map { ByteRange(it.first, it.second) }
            val found = reader.call("Scan.scan", changed, entries, ranges, { _: Long -> }) as List<*>
            for (damage in found) throw (damage as Damage).error("test")
        }

        @JvmStatic
        fun mutants(): List<Mutant> {
            val (beyond, loaded, unpack) = listOf("Header", "LoadedBundle", "Unpack").map(::listOf)
            val (flat, zeros) = listOf("FlatBytes", "FlatTable", "Header") to ByteArray(4 shl 20)
            val packed = SmallBundle.packTokenizer(SmallBundle.TOKENIZER)
            val bomb = SmallBundle.packTokenizer(zeros, zeros.size - 1L)
            val commas = withManifest(whole, ("{\"chat\":[" + "1,".repeat(1 shl 19)).toByteArray())
            val trace = "{\"bytes\":-1,\"trace\":\"a\"}\n".toByteArray()
            val noSections = SmallBundle.write(changes = mapOf("sections" to emptyList<Any?>()))
            return listOf(
                Mutant("offsets", "at < 0 || at > bytes.size - size", "at < -size", flat, ::hostileHeaders),
                Mutant("end", "if (end > size.toULong())", "if (end < begin)", beyond, header(16384, 100_001)),
                Mutant("begin", "begin % ALIGNMENT.toULong() != 0uL", "end < begin", beyond, header(16385, 20_000)),
                Mutant(
                    "header",
                    "?.let { throw it.error(where) }\n    problem",
                    "\n    problem",
                    loaded,
                    load(flipped(8)),
                ),
                Mutant("ranges", "if (listed != actual)", "if (listed.isEmpty())", loaded, load(noSections)),
                Mutant(
                    "spelling",
                    "if (!canonicalJson(tree).contentEquals(text))",
                    "if (text.isEmpty())",
                    loaded,
                    spelled("\"manifest_s", "\"manifest\\u005fs"),
                ),
                Mutant(
                    "numbers",
                    "if (writer.numbersAreCanonical)",
                    "if (true)",
                    listOf("CanonicalJson", "LoadedBundle"),
                    spelled("30.0", "30.00"),
                ),
                Mutant(
                    "trees",
                    "1 shl 17",
                    "1 shl 30",
                    listOf("ManifestJson", "LoadedBundle"),
                    cheaply(2 * commas.size, load(commas)),
                ),
                Mutant("padding", "count, gaps)\n", "count, gaps.take(0))\n", listOf("Scan"), ::changedPadding),
                Mutant("tail", "inflater.remaining == 0", "inflater.remaining >= 0", unpack, tokenizer(packed + 0)),
                Mutant(
                    "size",
                    "data, ByteArray(PIECE), size",
                    "data, ByteArray(size.toInt() + 1), size",
                    unpack,
                    cheaply(bomb.size, tokenizer(bomb)),
                ),
                Mutant("trace", "length !in 0..data.size - start", "length > data.size - start", unpack) {
                    it.call("Unpack.unpackTraces", trace, "test")
                },
            )
        }
    }
}
