package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.intListOf
import dev.slipstream.bundle.Bundle
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.Target
import dev.slipstream.errors.SlipstreamException
import dev.slipstream.errors.UsageException
import dev.slipstream.trace.readTraces
import dev.slipstream.trace.replay
import org.jetbrains.kotlin.cli.common.ExitCode
import org.jetbrains.kotlin.cli.jvm.K2JVMCompiler
import java.io.File
import java.io.PrintStream
import java.lang.reflect.InvocationTargetException
import java.net.URLClassLoader
import java.nio.file.Files
import java.nio.file.Path
import kotlin.io.path.readText
import kotlin.io.path.writeText
import kotlin.system.exitProcess

private class Fault(
    val name: String,
    val file: String,
    val right: String,
    val wrong: String,
    /** Nothing may notice it: the traces must replay. */
    val isHarmless: Boolean = false,
    /** Planted where greedy drafts are made step by step, as drawn ones are. */
    val isStepwise: Boolean = false,
)

private val FAULTS =
    listOf(
        Fault("none", "Pass", "", "", isHarmless = true),
        Fault(
            "rows_of_few_tokens_kept",
            "Embeddings",
            "coerceIn(MIN_ROWS, MAX_ROWS)",
            "coerceIn(3, 3)",
            isHarmless = true,
        ),
        Fault("pass_past_the_cache", "Pass", "position in 0..capacity - width", "position >= 0"),
        Fault("more_tokens_than_rows", "Pass", "count in 1..width", "count >= 1"),
        Fault("mask_one_slot_late", "CausalMask", "slot <= position + row", "slot < position + row"),
        Fault("mask_shows_the_future", "CausalMask", "slot <= position + row", "true"),
        Fault("mask_forgets_to_hide", "CausalMask", "for (slot in end until", "for (slot in capacity until"),
        Fault("positions_off_by_one", "Pass", "(row, position + row)", "(row, position + row + 1)"),
        Fault("embedding_of_the_first_row", "Embeddings", "index(tokens[row])", "index(tokens[0])"),
        Fault("per_layer_rows_in_the_first_place", "Embeddings", "perLayer, row)", "perLayer, 0)"),
        Fault("caches_not_shared", "Models", "bind(it, caches, memory)", "bind(it, memory = memory)"),
        Fault("masks_of_passes_in_one_place", "Models", "\"logits\")", "\"logits\", \"mask\")"),
        Fault("rows_in_the_first_block", "Embeddings", "put(blocks[index / BLOCK_ROWS]", "put(blocks[0]"),
        Fault("drafter_reads_other_caches", "Models", "shared = caches +", "shared ="),
        Fault("drafter_position_shifted", "DraftStep", "put(0, position - 1)", "put(0, position + 8)"),
        Fault("drafter_sees_dead_rows", "DraftStep", "mask.show(position)", "mask.show(position + 3)"),
        Fault("drafts_step_by_step", "LiteRtDrafter", "", "", isHarmless = true, isStepwise = true),
        Fault(
            "drafter_keeps_its_first_hidden",
            "LiteRtDrafter",
            "lastHidden = step.projected",
            "",
            isStepwise = true,
        ),
        Fault("drafts_after_another_token", "Drafts", "put(0, token)", "put(0, 5)"),
        Fault("drafts_after_no_hidden", "Drafts", "activations.put(hidden)", ""),
        Fault(
            "hidden_of_the_first_row",
            "Pass",
            "position(row * size).limit((row + 1) * size)",
            "position(0).limit(size)",
        ),
        Fault(
            "upper_half_of_the_drafts_logits_unseen",
            "LiteRtDrafter",
            "logits.capacity()",
            "logits.capacity() / 2",
            isStepwise = true,
        ),
        Fault("rows_of_logits_half_as_long", "Pass", "value.capacity() / width", "value.capacity() / width / 2"),
        Fault("choice_of_the_first_row", "Choices", "result.add(tokens.get(row))", "result.add(tokens.get(0))"),
        Fault("compared_with_the_first_row_s_choice", "Choices", "tokens.get(row) == token", "tokens.get(0) == token"),
        Fault("compared_with_other_rows_logits", "Choices", "largest.get(row * LARGEST + it)", "largest.get(row + it)"),
        Fault(
            "last_prompt_token_one_slot_late",
            "LiteRtTarget",
            "verify(tokens, position, 1)",
            "verify(tokens, position + 1, 1)",
        ),
    )

private const val AT_ONCE = "if (sampler.sampling.drawsDrafts)"
private const val STEP_BY_STEP = "if (count > 0)"
private const val SOURCES = "src/main/kotlin/dev/slipstream/litert"
private val COPIED =
    listOf(
        "CausalMask",
        "Choices",
        "DraftStep",
        "Drafts",
        "Embeddings",
        "LiteRtDrafter",
        "LiteRtTarget",
        "Models",
        "Pass",
        "PrefixMask",
    )

/**
 * Faults planted in the ports over LiteRT: the golden traces of a float bundle must notice each, on the machine that
 * recorded them, where nothing may fork. Arguments: the module's folder, the bundle. Prints a line a fault with what
 * noticed it; exits with 1 if one was missed. Driven by tests/android/test_parity.py, which has a bundle.
 */
internal fun main(arguments: Array<String>) {
    val folder = Files.createTempDirectory("faults")
    val missed =
        try {
            val loader = compile(Path.of(arguments[0]), folder)
            FAULTS.filter { fault ->
                val found = firstDifference(fault, loader, File(arguments[1]))
                println("${fault.name}\t${found ?: "passes"}")
                fault.isHarmless != (found == null)
            }
        } finally {
            folder.toFile().deleteRecursively()
        }
    exitProcess(if (missed.isEmpty()) 0 else 1)
}

/** All faults at once, each in a copy of the ports in a package of its own. */
private fun compile(
    module: Path,
    folder: Path,
): ClassLoader {
    check(AT_ONCE in module.resolve("$SOURCES/LiteRtDrafter.kt").readText()) { "$AT_ONCE is not there" }
    for (fault in FAULTS) {
        val sources = Files.createDirectories(folder.resolve("src/${fault.name}"))
        for (file in COPIED) {
            val source = module.resolve("$SOURCES/$file.kt").readText()
            val isHere = file == fault.file
            check(!isHere || fault.right in source) { "${fault.name}: ${fault.right} is not in $file.kt" }
            val changed = if (isHere && fault.right != "") source.replace(fault.right, fault.wrong) else source
            val ways = if (fault.isStepwise) changed.replace(AT_ONCE, STEP_BY_STEP) else changed
            val begin = "package faults.${fault.name}\n\nimport dev.slipstream.litert.*\n"
            sources.resolve("$file.kt").writeText(ways.replaceFirst(Regex("package .*\n"), begin))
        }
    }
    val classes = folder.resolve("classes")
    val code =
        K2JVMCompiler().exec(
            PrintStream(System.err),
            "-no-stdlib",
            "-no-reflect",
            "-nowarn",
            "-module-name",
            "litert",
            "-jvm-target",
            "17",
            "-Xfriend-paths=${module.resolve("target/classes")}",
            "-classpath",
            System.getProperty("java.class.path"),
            "-d",
            classes.toString(),
            folder.resolve("src").toString(),
        )
    check(code == ExitCode.OK) { "the faults do not compile" }
    return URLClassLoader(arrayOf(classes.toUri().toURL()), Fault::class.java.classLoader)
}

/** Where the golden traces and what the faulty ports compute differ first, or null. */
private fun firstDifference(
    fault: Fault,
    loader: ClassLoader,
    file: File,
): String? =
    Bundle.open(file).use { bundle ->
        val type = loader.loadClass("faults.${fault.name}.Models")
        val constructor = type.constructors.single { it.parameterCount == 5 }
        val library = LiteRtLibrary.load()
        (
            withHeldLog {
                constructor.newInstance(bundle, 1, { _: String -> null as File? }, library, null)
            } as AutoCloseable
        ).use { models ->
            val target = type.getMethod("getTarget").invoke(models) as Target
            val comparing = type.getMethod("getComparingTarget").invoke(models) as Target
            val drafter = type.getMethod("getDrafter").invoke(models) as Drafter?
            val played =
                bundle.traces().flatMap { (name, text) ->
                    listOf(target, comparing).map { Triple(name, text, it) }
                }
            played.firstNotNullOfOrNull { (name, text, port) -> difference(name, text, port, drafter) }
                ?: misuse(target)
        }
    }

/** A call that would write over live slots, or behind the rows of a pass, and was not refused by the port; or null. */
private fun misuse(target: Target): String? {
    val (most, capacity) = target.verifyWidths.last() to target.capacity
    val calls =
        mapOf<String, () -> Unit>(
            "past the cache" to { target.verify(tokens(1), capacity - most + 1, most) },
            "decoded past the cache" to { target.verify(tokens(1), capacity, 1) },
            "before the cache" to { target.verify(tokens(1), -1, 1) },
            "more tokens than rows" to { target.verify(tokens(most + 1), 0, most) },
            "no tokens" to { target.verify(tokens(0), 0, 1) },
            "a width that there is not" to { target.verify(tokens(1), 0, most + 1) },
            "a prompt past the cache" to { target.prefill(tokens(2), capacity - 1) },
            "an empty prompt" to { target.prefill(tokens(0), 0) },
            "a fill past the cache" to { target.fill(tokens(2), capacity - 1) },
            "a count of tokens past the cache" to { target.fillCount(2, capacity - 1) },
            "a token past the vocabulary" to { target.verify(intListOf(Int.MAX_VALUE), 0, 1) },
            "a negative token" to { target.prefill(intListOf(-1), 0) },
        )
    return calls.entries.firstOrNull { (_, call) -> !isRefused(call) }?.key
}

private fun isRefused(call: () -> Unit): Boolean =
    try {
        call()
        false
    } catch (error: UsageException) {
        error.found.isNotEmpty()
    } catch (_: RuntimeException) {
        false
    }

private fun tokens(count: Int): IntList = MutableIntList().apply { repeat(count) { add(5) } }

private fun difference(
    name: String,
    text: String,
    target: Target,
    drafter: Drafter?,
): String? {
    for (trace in readTraces(text, name)) {
        try {
            val report = replay(trace, target, drafter)
            if (report.targetForks + report.draftForks > 0) {
                return "trace $name: ${report.targetForks} target forks, ${report.draftForks} draft forks"
            }
        } catch (error: SlipstreamException) {
            return error.where
        } catch (error: InvocationTargetException) {
            return "${error.cause}"
        }
    }
    return null
}
