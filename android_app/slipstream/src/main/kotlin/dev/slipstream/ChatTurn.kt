package dev.slipstream

/** What one side said. A model's turn may have a [thought], which is apart from its [text]. */
public data class ChatTurn(
    val role: Role,
    val text: String,
    val thought: String = "",
) {
    public enum class Role {
        USER,
        MODEL,
    }
}
