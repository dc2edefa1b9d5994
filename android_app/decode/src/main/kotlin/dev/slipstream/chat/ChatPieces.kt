package dev.slipstream.chat

import dev.slipstream.errors.BundleException

/**
 * The checkpoint's chat template as constant text around each turn.
 *
 * With [trims] the template strips white space at both ends of every content, so a runtime must too. [systemPrefix]
 * and [systemSuffix] are null when the template refuses a system turn; a BundleException when only one of them is.
 */
public data class ChatPieces(
    val start: String,
    val userPrefix: String,
    val userSuffix: String,
    val modelPrefix: String,
    val modelSuffix: String,
    val systemPrefix: String?,
    val systemSuffix: String?,
    val trims: Boolean,
) {
    init {
        if ((systemPrefix == null) != (systemSuffix == null)) {
            throw invalid("chat.system_suffix", "null exactly when system_prefix is", systemSuffix)
        }
    }

    /** One turn with its pieces around it; BundleException for a system turn when the template has none. */
    public fun turn(
        role: ChatRole,
        content: String,
    ): String {
        val (prefix, suffix) =
            when (role) {
                ChatRole.SYSTEM -> systemPrefix to systemSuffix
                ChatRole.USER -> userPrefix to userSuffix
                ChatRole.MODEL -> modelPrefix to modelSuffix
            }
        if (prefix == null || suffix == null) {
            throw invalid("chat.system_prefix", "a template with system turns", null)
        }
        return prefix + (if (trims) strip(content) else content) + suffix
    }

    /** The text of [turns] from the start of a conversation, up to where the model answers. */
    public fun prompt(turns: List<ChatTurn>): String =
        start + turns.joinToString("") { turn(it.role, it.content) } + modelPrefix

    /** What goes behind the model's last answer, when the user says [content], up to where the model answers again. */
    public fun followUp(content: String): String = modelSuffix + turn(ChatRole.USER, content) + modelPrefix
}

private fun invalid(
    key: String,
    expected: String,
    found: String?,
) = BundleException(
    "Manifest is not valid",
    expected,
    found?.let { "'$it'" } ?: "null",
    "manifest key $key",
    "Export the bundle again.",
)

/** As Python's `str.strip()`, which templates call. */
private fun strip(text: String): String = text.trim { isPythonSpace(it.code) }

/** Python's `str.isspace()`: Unicode's white space and the four information separators. */
private fun isPythonSpace(code: Int): Boolean =
    when (code) {
        in 0x09..0x0D, in 0x1C..0x20, 0x85, 0xA0, 0x1680, in 0x2000..0x200A -> true
        0x2028, 0x2029, 0x202F, 0x205F, 0x3000 -> true
        else -> false
    }
