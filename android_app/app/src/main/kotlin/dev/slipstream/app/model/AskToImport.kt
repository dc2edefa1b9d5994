package dev.slipstream.app.model

import android.content.ContentResolver
import android.net.Uri
import androidx.compose.material3.AlertDialog
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.produceState
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import dev.slipstream.app.R
import dev.slipstream.app.storage.nameOf
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/** Another app handed over [uri]: what is behind it is gigabytes, and takes the place of the model that is in use. */
@Composable
internal fun AskToImport(
    uri: Uri,
    resolver: ContentResolver,
    onImport: () -> Unit,
    onDone: () -> Unit,
) {
    val name by produceState(uri.lastPathSegment.orEmpty(), uri) {
        value = withContext(Dispatchers.IO) { nameOf(resolver, uri) }
    }
    AlertDialog(
        onDismissRequest = onDone,
        title = { Text(stringResource(R.string.import_title)) },
        text = { Text(stringResource(R.string.import_text, name)) },
        confirmButton = {
            TextButton(
                {
                    onDone()
                    onImport()
                },
                Modifier.testTag("confirm-import"),
            ) { Text(stringResource(R.string.import_confirm)) }
        },
        dismissButton = { TextButton(onDone) { Text(stringResource(R.string.cancel)) } },
    )
}
