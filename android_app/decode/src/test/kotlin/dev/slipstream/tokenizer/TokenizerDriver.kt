package dev.slipstream.tokenizer

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.parseStrictJson
import java.io.File
import kotlin.system.exitProcess
import kotlin.time.DurationUnit
import kotlin.time.measureTimedValue

/**
 * What tests/android/test_tokenizer.py runs.
 *
 * `check FILE`: lines of `{"tokenizer": path}`, which the lines behind it are about, `{"encode": text, "ids": […]}`
 * and `{"decode": […], "skip": flag, "text": text}`. Prints the first difference and the counts; ends with 1 when
 * there is one.
 *
 * `measure TOKENIZER TEXT`: prints one JSON object of seconds and bytes.
 */
fun main(arguments: Array<String>) {
    when (arguments.first()) {
        "check" -> exitProcess(if (CaseCheck().run(File(arguments[1])) == 0) 0 else 1)
        "measure" -> measure(File(arguments[1]), File(arguments[2]))
        else -> exitProcess(2)
    }
}

private class CaseCheck {
    private lateinit var tokenizer: Tokenizer
    private lateinit var name: String
    private var cases = 0
    private var differences = 0

    fun run(file: File): Int {
        file.forEachLine { line -> check(parseStrictJson(line) as Map<*, *>) }
        println("""{"cases": $cases, "differences": $differences}""")
        return differences
    }

    private fun check(case: Map<*, *>) {
        when {
            "tokenizer" in case -> open(case["tokenizer"] as String)
            "encode" in case -> checkEncode(case["encode"] as String, ints(case["ids"]))
            else -> checkDecode(ints(case["decode"]), case["skip"] as Boolean, case["text"] as String)
        }
    }

    private fun open(path: String) {
        name = path
        tokenizer = File(path).inputStream().use { Tokenizer.read(it, path) }
    }

    private fun checkEncode(
        text: String,
        expected: IntList,
    ) {
        val found = tokenizer.encode(text)
        compare(found == expected, { "encode ${quoted(text)}" }, expected, found)
    }

    private fun checkDecode(
        tokens: IntList,
        skip: Boolean,
        expected: String,
    ) {
        val found = tokenizer.decode(tokens, skip)
        compare(found == expected, { "decode $tokens" }, quoted(expected), quoted(found))
        val stream = tokenizer.streamingDetokenizer(skip)
        val pieces = ArrayList<String>()
        tokens.forEach { pieces.add(stream.append(it)) }
        pieces.add(stream.finish())
        val joined = pieces.joinToString("")
        val whole = pieces.none { it.firstOrNull()?.isLowSurrogate() == true }
        val same = joined == found || isCut(tokens, skip, joined)
        compare(same && whole, { "stream $tokens" }, quoted(found), pieces.map(::quoted))
    }

    /** Whether [said] is the text of [tokens] without the last bytes, of which no character came of. */
    private fun isCut(
        tokens: IntList,
        skip: Boolean,
        said: String,
    ): Boolean =
        (tokens.size - 1 downTo 0).any { end ->
            val last = MutableIntList()
            for (i in end until tokens.size) last.add(tokens[i])
            val left = tokenizer.decode(last, skip)
            if (left.length > 3 || left.any { it != '\uFFFD' }) return false
            val first = MutableIntList()
            for (i in 0 until end) first.add(tokens[i])
            left.isNotEmpty() && tokenizer.decode(first, skip) == said
        }

    private fun compare(
        same: Boolean,
        what: () -> String,
        expected: Any,
        found: Any,
    ) {
        cases++
        if (same) return
        if (differences++ == 0) println("$name\n  ${what()}\n  expected: $expected\n  found:    $found")
    }

    private fun quoted(text: String): String =
        text.map { if (it in ' '..'~') it.toString() else "\\u%04x".format(it.code) }.joinToString("", "\"", "\"")

    private fun ints(value: Any?): IntList {
        val result = MutableIntList()
        for (number in value as List<*>) result.add((number as JsonNumber).literal.toInt())
        return result
    }
}

private fun measure(
    json: File,
    text: File,
) {
    val before = usedBytes()
    val (tokenizer, load) = measureTimedValue { json.inputStream().use { Tokenizer.read(it) } }
    val kept = usedBytes() - before
    val content = text.readText()
    repeat(5) { tokenizer.encode(content) }
    val (tokens, encode) = measureTimedValue { tokenizer.encode(content) }
    val (decoded, decode) = measureTimedValue { tokenizer.decode(tokens) }
    check(decoded == content)
    val seconds = listOf(load, encode, decode).map { it.toDouble(DurationUnit.SECONDS) }
    println(
        """{"load_seconds": ${seconds[0]}, "kept_bytes": $kept, "encode_seconds": ${seconds[1]}, """ +
            """"decode_seconds": ${seconds[2]}, "tokens": ${tokens.size}}""",
    )
}

private fun usedBytes(): Long {
    System.gc()
    val runtime = Runtime.getRuntime()
    return runtime.totalMemory() - runtime.freeMemory()
}
