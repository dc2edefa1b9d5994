package dev.slipstream.app.chat

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.text.KeyboardOptions
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.LocalDensity
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
    val temperature = Field(R.string.settings_temperature, "temperature", own.temperature.written())
    val topK = Field(R.string.settings_top_k, "top-k", own.topK.toString())
    val topP = Field(R.string.settings_top_p, "top-p", own.topP.written())
    val length = Field(R.string.settings_length, "length", (info.contextLength / REPLY_SHARE).toString())
    Column(verticalArrangement = Arrangement.spacedBy(8.dp)) {
        FieldPair(
            {
                NumberField(temperature, settings.temperature, it, ::temperature) {
                    onChange(settings.copy(temperature = it))
                }
            },
            { NumberField(topK, settings.topK, it, ::topK) { onChange(settings.copy(topK = it)) } },
        )
        FieldPair(
            { NumberField(topP, settings.topP, it, ::topP) { onChange(settings.copy(topP = it)) } },
            {
                NumberField(length, settings.maxNewTokens, it, { length(it, info.contextLength) }) {
                    onChange(settings.copy(maxNewTokens = it))
                }
            },
        )
    }
}

/** Two fields beside each other; with large letters there is room for one. */
@Composable
private fun FieldPair(
    first: @Composable (Modifier) -> Unit,
    second: @Composable (Modifier) -> Unit,
) {
    if (LocalDensity.current.fontScale > BESIDE_SCALE) {
        first(Modifier.fillMaxWidth())
        second(Modifier.fillMaxWidth())
    } else {
        Row(horizontalArrangement = Arrangement.spacedBy(8.dp)) {
            first(Modifier.weight(1f))
            second(Modifier.weight(1f))
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
private fun <T : Any> NumberField(
    field: Field,
    value: T?,
    modifier: Modifier,
    read: (String) -> T?,
    onChange: (T?) -> Unit,
) {
    var text by rememberSaveable { mutableStateOf(written(value)) }
    // What is being typed stays as it is typed; a value from elsewhere takes its place.
    LaunchedEffect(value) { if (value == null || read(text) != value) text = written(value) }
    val isWrong = text.isNotBlank() && read(text) == null
    OutlinedTextField(
        text,
        { typed ->
            text = typed
            if (typed.isBlank()) onChange(null) else read(typed)?.let(onChange)
        },
        modifier.testTag("setting-${field.tag}"),
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

private const val BESIDE_SCALE = 1.3f

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

private fun written(value: Any?): String = (value as? Double)?.written() ?: value?.toString().orEmpty()

private fun Double.written(): String = toString().replace('.', DecimalFormatSymbols.getInstance().decimalSeparator)
