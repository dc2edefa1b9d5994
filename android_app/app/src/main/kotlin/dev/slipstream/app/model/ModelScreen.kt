package dev.slipstream.app.model

import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.ExperimentalLayoutApi
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.material.icons.Icons
import androidx.compose.material.icons.automirrored.filled.ArrowBack
import androidx.compose.material3.AlertDialog
import androidx.compose.material3.Button
import androidx.compose.material3.Card
import androidx.compose.material3.CardDefaults
import androidx.compose.material3.ExperimentalMaterial3Api
import androidx.compose.material3.Icon
import androidx.compose.material3.IconButton
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedButton
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.material3.TopAppBar
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.buildAnnotatedString
import androidx.compose.ui.unit.dp
import dev.slipstream.app.R
import dev.slipstream.app.storage.StoredBundle
import dev.slipstream.app.storage.megabytes
import dev.slipstream.app.ui.LocalOpenLink
import dev.slipstream.app.ui.ReadingPage
import dev.slipstream.app.ui.WithLinks
import dev.slipstream.app.ui.link
import dev.slipstream.bundle.Source

/** What the model's page can ask for. */
internal class ModelActions(
    val onUse: (StoredBundle) -> Unit,
    val onDelete: (StoredBundle) -> Unit,
    val onPick: () -> Unit,
    val onSelfCheck: () -> Unit,
    val onBack: () -> Unit,
)

/** Which bundles are on this phone, what they are and need, and which one is used. Free bytes as the phone has them now. */
@OptIn(ExperimentalMaterial3Api::class)
@Composable
internal fun ModelScreen(
    bundles: List<StoredBundle>,
    freeMemory: Long,
    freeSpace: Long,
    actions: ModelActions,
) {
    var asked by remember { mutableStateOf<StoredBundle?>(null) }
    Scaffold(
        topBar = {
            TopAppBar(
                title = { Text(stringResource(R.string.model_title)) },
                navigationIcon = {
                    IconButton(actions.onBack) {
                        Icon(Icons.AutoMirrored.Filled.ArrowBack, stringResource(R.string.back))
                    }
                },
            )
        },
    ) { inner ->
        ReadingPage(Modifier.padding(inner), 16.dp) {
            WithLinks { for (bundle in bundles) BundleCard(bundle, actions, onDelete = { asked = bundle }) }
            Text(
                stringResource(R.string.model_free, megabytes(freeMemory), megabytes(freeSpace)),
                style = MaterialTheme.typography.bodySmall,
                color = MaterialTheme.colorScheme.onSurfaceVariant,
            )
            Button(actions.onSelfCheck, Modifier.fillMaxWidth().testTag("self-check")) {
                Text(stringResource(R.string.chat_self_check))
            }
            OutlinedButton(actions.onPick, Modifier.fillMaxWidth().testTag("add-bundle")) {
                Text(stringResource(R.string.model_add))
            }
        }
    }
    asked?.let { bundle -> AskToDelete(bundle, { asked = null }) { actions.onDelete(bundle) } }
}

@OptIn(ExperimentalLayoutApi::class)
@Composable
private fun BundleCard(
    bundle: StoredBundle,
    actions: ModelActions,
    onDelete: () -> Unit,
) {
    val colors = MaterialTheme.colorScheme
    val color = if (bundle.isChosen) colors.secondaryContainer else colors.surfaceContainerHigh
    val onColor = if (bundle.isChosen) colors.onSecondaryContainer else colors.onSurface
    Card(Modifier.fillMaxWidth().testTag("bundle"), colors = CardDefaults.cardColors(color, onColor)) {
        Column(Modifier.padding(16.dp)) {
            BundleFacts(bundle)
            FlowRow {
                if (!bundle.isChosen && bundle.need != null) {
                    TextButton({ actions.onUse(bundle) }, Modifier.testTag("use")) {
                        Text(stringResource(R.string.model_use), color = onColor)
                    }
                }
                TextButton(onDelete, Modifier.testTag("delete")) {
                    Text(stringResource(R.string.delete), color = onColor)
                }
            }
        }
    }
}

@Composable
private fun BundleFacts(bundle: StoredBundle) {
    val need = bundle.need
    val title = Modifier.semantics { heading() }
    if (need == null) {
        Text(stringResource(R.string.model_damaged), title, style = MaterialTheme.typography.titleMedium)
        Text(megabytes(bundle.bytes))
        return
    }
    Text(need.targetId, title, style = MaterialTheme.typography.titleMedium)
    if (bundle.isChosen) Text(stringResource(R.string.model_chosen), style = MaterialTheme.typography.labelLarge)
    val drafter = need.drafterId ?: stringResource(R.string.need_no_drafter)
    Text(stringResource(R.string.need_facts, drafter, need.recipe, need.contextLength))
    Text(stringResource(R.string.model_sizes, megabytes(bundle.bytes), megabytes(need.packedBytes)))
    Text(stringResource(R.string.model_memory, megabytes(need.memoryBytes)))
    Licenses(need.sources)
    if (bundle.isPushed) Text(stringResource(R.string.model_pushed))
    Text(
        stringResource(R.string.model_digest, bundle.sha256.orEmpty().take(SHOWN_DIGITS)),
        style = MaterialTheme.typography.bodySmall,
    )
}

/** A line for each licence that a checkpoint names, with whose it is unless it is everything's. */
@Composable
private fun Licenses(sources: List<Source>) {
    val open = LocalOpenLink.current
    for ((license, under) in sources.groupBy { it.license }) {
        if (license == null) continue
        val text =
            if (under.size == sources.size) {
                stringResource(R.string.model_license, license.name)
            } else {
                stringResource(R.string.model_license_of, under.joinToString { it.id }, license.name)
            }
        val destination = license.link
        val shown =
            remember(text, license, open) {
                buildAnnotatedString {
                    append(text)
                    if (destination == null) return@buildAnnotatedString
                    val begin = text.lastIndexOf(license.name)
                    addLink(link(destination, open), begin, begin + license.name.length)
                }
            }
        Text(shown, Modifier.testTag("license"))
    }
}

@Composable
private fun AskToDelete(
    bundle: StoredBundle,
    onDone: () -> Unit,
    onDelete: () -> Unit,
) {
    AlertDialog(
        onDismissRequest = onDone,
        title = { Text(stringResource(R.string.model_delete_title)) },
        text = { Text(stringResource(R.string.model_delete_text, bundle.name(), megabytes(bundle.bytes))) },
        confirmButton = {
            TextButton(
                {
                    onDone()
                    onDelete()
                },
                Modifier.testTag("confirm-delete"),
            ) { Text(stringResource(R.string.delete)) }
        },
        dismissButton = { TextButton(onDone) { Text(stringResource(R.string.cancel)) } },
    )
}

/** As its target is called, or the file. */
internal fun StoredBundle.name(): String = need?.targetId ?: file.name

/** Enough to tell bundles of one name apart. */
private const val SHOWN_DIGITS = 12
