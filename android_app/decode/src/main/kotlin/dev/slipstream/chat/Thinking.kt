package dev.slipstream.chat

/** What is different with thinking on. [systemAlone] is the turn that is made where there is no system message. */
public data class Thinking(
    val reply: String,
    val systemPrefix: String,
    val systemAlone: String,
)
