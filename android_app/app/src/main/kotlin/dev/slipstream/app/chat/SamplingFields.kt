package dev.slipstream.app.chat

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.RowScope
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.text.KeyboardOptions
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.text.input.KeyboardType
import androidx.compose.ui.unit.dp
import dev.slipstream.ModelInfo
import dev.slipstream.app.R
import dev.slipstream.app.history.ChatSettings
import java.text.DecimalFormatSymbols

/** How tokens are chosen and how many: each field has the bundle's own value as its hint. */
@Composable
internal fun SamplingFields(
    settings: ChatSettings,
    info: ModelInfo,
    onChange: (ChatSettings) -> Unit,
) {
    val own = info.sampling
    Column(verticalArrangement = Arrangement.spacedBy(8.dp)) {
        Row(Modifier.fillMaxWidth(), horizontalArrangement = Arrangement.spacedBy(8.dp)) {
            val temperature = Field(R.string.settings_temperature, "temperature", own.temperature.written())
            NumberField(temperature, settings.temperature?.written(), ::temperature) {
                onChange(settings.copy(temperature = it))
            }
            val topK = Field(R.string.settings_top_k, "top-k", own.topK.toString())
            NumberField(topK, settings.topK?.toString(), ::topK) { onChange(settings.copy(topK = it)) }
        }
        Row(Modifier.fillMaxWidth(), horizontalArrangement = Arrangement.spacedBy(8.dp)) {
            val topP = Field(R.string.settings_top_p, "top-p", own.topP.written())
            NumberField(topP, settings.topP?.written(), ::topP) { onChange(settings.copy(topP = it)) }
            val length = Field(R.string.settings_length, "length", (info.contextLength / REPLY_SHARE).toString())
            NumberField(length, settings.maxNewTokens?.toString(), { length(it, info.contextLength) }) {
                onChange(settings.copy(maxNewTokens = it))
            }
        }
    }
}

private class Field(
    val label: Int,
    val tag: String,
    val hint: String,
)

/** [read] is null for what is not allowed: that is told, and the value before it stays. */
@Composable
private fun <T : Any> RowScope.NumberField(
    field: Field,
    value: String?,
    read: (String) -> T?,
    onChange: (T?) -> Unit,
) {
    // What is being typed may be no number yet; a value from elsewhere takes its place.
    var text by rememberSaveable(value == null) { mutableStateOf(value.orEmpty()) }
    val isWrong = text.isNotBlank() && read(text) == null
    OutlinedTextField(
        text,
        { typed ->
            text = typed
            if (typed.isBlank()) onChange(null) else read(typed)?.let(onChange)
        },
        Modifier.weight(1f).testTag("setting-${field.tag}"),
        label = { Text(stringResource(field.label)) },
        placeholder = { Text(field.hint) },
        supportingText = {
            Text(
                if (isWrong) {
                    stringResource(
                        R.string.settings_wrong,
                    )
                } else {
                    stringResource(R.string.settings_own, field.hint)
                },
            )
        },
        isError = isWrong,
        keyboardOptions = KeyboardOptions(keyboardType = KeyboardType.Decimal),
        singleLine = true,
    )
}

/** A reply's share of the context, where nothing else is said. */
private const val REPLY_SHARE = 4

private const val HIGHEST_TEMPERATURE = 5.0

internal fun temperature(text: String): Double? = decimal(text)?.takeIf { it in 0.0..HIGHEST_TEMPERATURE }

internal fun topK(text: String): Int? = text.trim().toIntOrNull()?.takeIf { it >= 0 }

internal fun topP(text: String): Double? = decimal(text)?.takeIf { it > 0 && it <= 1 }

internal fun length(
    text: String,
    contextLength: Int,
): Int? = text.trim().toIntOrNull()?.takeIf { it in 1..contextLength }

/** With the phone's decimal sign, or a point. */
private fun decimal(text: String): Double? =
    text
        .trim()
        .replace(DecimalFormatSymbols.getInstance().decimalSeparator, '.')
        .toDoubleOrNull()
        ?.takeIf { it.isFinite() }

private fun Double.written(): String = toString().replace('.', DecimalFormatSymbols.getInstance().decimalSeparator)
