package dev.slipstream.draft

import androidx.collection.IntList
import androidx.collection.MutableIntList
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.json
import dev.slipstream.json.parseStrictJson
import dev.slipstream.repository
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.security.MessageDigest
import java.util.HexFormat
import kotlin.io.path.readLines
import kotlin.io.path.readText

internal fun IntArray.toIntList(): IntList = MutableIntList(size).also { list -> forEach { list.add(it) } }

/** Known costs as Python writes them. */
internal fun knownText(policy: Auto): String = json(policy.exportKnown()).replace(" ", "")

class AutoVectorsTest {
    private val vectors = repository.resolve("runtime_spec/vectors")

    @Test
    fun `every recorded decision is made again`() {
        var policy: Auto? = null
        var rounds = 0
        var isAtOnce = false
        for ((i, line) in vectors.resolve("decisions.jsonl").readLines().withIndex()) {
            val fields = parseStrictJson(line) as Map<*, *>
            if ("play" in fields) {
                policy = policyOf(fields)
                isAtOnce = fields["at_once"] as Boolean
            } else {
                check(checkNotNull(policy), isAtOnce, fields, "line ${i + 1}")
                rounds += 1
            }
        }
        assertTrue(rounds >= 600, "$rounds rounds")
    }

    @Test
    fun `three hundred plays fold into the digest that Python prints`() {
        val sha = MessageDigest.getInstance("SHA-256")
        for (number in 0 until 300) {
            val play = DrawnPlay(number)
            val lines =
                play.lines(200, ::knownText) { last ->
                    play.newPolicy().also { it.importKnown(parseStrictJson(knownText(last))) }
                }
            sha.update(lines.joinToString("\n", postfix = "\n").toByteArray())
        }
        val expected = vectors.resolve("decisions_digest.txt").readText().trim()
        assertEquals(expected, HexFormat.of().formatHex(sha.digest()))
    }

    private fun policyOf(fields: Map<*, *>): Auto {
        val widths = (fields["verify_widths"] as List<*>).map { (it as JsonNumber).literal.toInt() }
        val policy = Auto(widths.toIntArray().toIntList(), fields["has_drafter"] as Boolean)
        fields["known"]?.let(policy::importKnown)
        return policy
    }

    private fun check(
        policy: Auto,
        isAtOnce: Boolean,
        fields: Map<*, *>,
        where: String,
    ) {
        val most = fields.int("most")
        if (most > 0) {
            val plan = policy.plan(fields.int("position"), most, fields.int("match"))
            assertEquals(fields["source"], plan.source?.traceName, where)
            assertEquals(fields.int("count"), plan.count, where)
        }
        (fields["confidences"] as List<*>).zip(fields["goes_on"] as List<*>).forEachIndexed { i, (told, goesOn) ->
            val made = if (isAtOnce) fields.int("count") else i + 1
            assertEquals(goesOn, policy.goesOn(i + 1, (told as JsonNumber).toDouble(), made), where)
        }
        val drafted = fields.int("drafted")
        policy.observe(
            fields.int("position"),
            drafted,
            fields.int("accepted"),
            fields.int("draft_nanos").toLong(),
            fields.int("nanos").toLong(),
            fields.int("matched"),
        )
    }

    private fun Map<*, *>.int(name: String): Int = (get(name) as JsonNumber).literal.toInt()
}
