package dev.slipstream.litert

import androidx.collection.IntList
import dev.slipstream.chat.Message
import dev.slipstream.chat.USER
import dev.slipstream.decode.Session
import java.io.File

/**
 * A chat of several user turns in one session, each from the start; the last of them is then asked for again. Arguments:
 * the bundle, new tokens a turn, then what the user says. Prints three lines a turn: the context, how much of it the
 * cache had, and the tokens of the reply. Driven by tests/android/test_conversation.py.
 */
internal fun main(arguments: Array<String>) {
    val count = arguments[1].toInt()
    withHeldLog { BundleRuntime(File(arguments[0])) }.use { runtime ->
        val session = runtime.session()
        val messages = ArrayList<Message>()
        for (content in arguments.drop(2)) {
            messages.add(Message(USER, content))
            messages.add(runtime.chat.message(decode(session, runtime.chat.context(messages), count)))
        }
        messages.removeLast()
        decode(session, runtime.chat.context(messages), count)
    }
}

private fun decode(
    session: Session,
    context: IntList,
    count: Int,
): IntList {
    val reply = reply(session, context, count, fromStart = true)
    println(context.joinToString(" ", "", ""))
    println(reply.kept)
    println(reply.tokens.joinToString(" ", "", ""))
    return reply.tokens
}
