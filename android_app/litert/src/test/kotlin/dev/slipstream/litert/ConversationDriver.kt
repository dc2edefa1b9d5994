package dev.slipstream.litert

import androidx.collection.IntList
import dev.slipstream.decode.Session
import java.io.File

/**
 * A chat of several user turns in one session. Arguments: the bundle, new tokens a turn, then what the user says. Prints
 * two lines a turn: the tokens that were given, and the tokens of the reply. Driven by tests/android/test_conversation.py.
 */
internal fun main(arguments: Array<String>) {
    val count = arguments[1].toInt()
    withHeldLog { BundleRuntime(File(arguments[0])) }.use { runtime ->
        val session = runtime.session()
        arguments.drop(2).forEachIndexed { turn, content ->
            val given = if (turn == 0) runtime.encodeChat(content) else runtime.encodeFollowUp(content, session)
            println(given.joinToString(" ", "", ""))
            println(reply(session, given, count))
        }
    }
}

private fun reply(
    session: Session,
    given: IntList,
    count: Int,
): String = session.turn(given, count).joinToString(" ") { it.emittedTokens.joinToString(" ", "", "") }
