package dev.slipstream.app.history

import androidx.room.ColumnInfo
import dev.slipstream.Drafting

/**
 * How a conversation is held. Null is as the bundle has it: [temperature] from 0, which is greedy; [topK] tokens, 0 for all;
 * [topP] above 0, at most 1; [maxNewTokens] a reply. An empty [system] tells the model nothing. [showsOrigins] tints where
 * each token came from, [showsFigures] tells what drafting does.
 */
internal data class ChatSettings(
    val system: String = "",
    @ColumnInfo(name = "is_thinking") val isThinking: Boolean = false,
    val temperature: Double? = null,
    @ColumnInfo(name = "top_k") val topK: Int? = null,
    @ColumnInfo(name = "top_p") val topP: Double? = null,
    @ColumnInfo(name = "max_new_tokens") val maxNewTokens: Int? = null,
    val drafting: Drafting = Drafting.AUTO,
    @ColumnInfo(name = "shows_origins") val showsOrigins: Boolean = true,
    @ColumnInfo(name = "shows_figures") val showsFigures: Boolean = true,
)
