package dev.slipstream.app.engine

/** Text that one token completed; [accepted] tells a draft that the target agreed with from the target's own. */
internal data class Piece(
    val text: String,
    val accepted: Boolean,
    val isThought: Boolean = false,
)
