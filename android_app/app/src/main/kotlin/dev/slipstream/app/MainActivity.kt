package dev.slipstream.app

import android.app.KeyguardManager
import android.content.ContentResolver
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.view.WindowManager
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.activity.enableEdgeToEdge
import androidx.activity.result.contract.ActivityResultContracts
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.setValue
import androidx.core.content.FileProvider
import androidx.core.content.IntentCompat
import androidx.lifecycle.lifecycleScope
import dev.slipstream.app.engine.EngineState
import dev.slipstream.app.model.AskToImport
import dev.slipstream.app.setup.SetupAdvice
import dev.slipstream.app.storage.openDocument
import dev.slipstream.app.ui.Screen
import dev.slipstream.app.ui.SlipstreamScreens
import dev.slipstream.app.ui.SlipstreamTheme
import dev.slipstream.app.ui.Window
import dev.slipstream.app.ui.collected
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch

/**
 * The app's one window. By way of the alias [SELF_CHECK], which only adb's shell may start, it runs the self-check without
 * a touch, on the lock screen too; nothing else of the app is shown there.
 */
public class MainActivity : ComponentActivity() {
    private val services by lazy { (application as SlipstreamApplication).services }
    private val setup get() = services.setup
    private val check get() = services.check

    /** The file that another app handed over, until its user says what to do with it. */
    private var offered by mutableStateOf<Uri?>(null)
    private var screen by mutableStateOf(Screen.CHAT)
    private val picker = registerForActivityResult(ActivityResultContracts.OpenDocument()) { it?.let(::import) }

    private val notifications = registerForActivityResult(ActivityResultContracts.RequestPermission()) {}

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        enableEdgeToEdge()
        savedInstanceState?.getString(SCREEN)?.let { screen = Screen.valueOf(it) }
        val window = window()
        setContent {
            SlipstreamTheme(services.hasDynamicColour) {
                val engine by services.host.state.collected()
                SlipstreamScreens(engine, screen, window)
                offered?.let { uri -> AskToImport(uri, contentResolver, { import(uri) }) { offered = null } }
            }
        }
        lifecycleScope.launch { check.isUnattended.collect(::showOverLock) }
        if (savedInstanceState == null) follow(intent)
        lifecycleScope.launch { askForNotifications() }
    }

    /** Once, when there is something to tell: who refuses is not asked again, and everything goes on without. */
    private suspend fun askForNotifications() {
        services.works.state.first { it.isNotEmpty() && !check.isUnattended.value }
        val asked = getPreferences(MODE_PRIVATE)
        val isGranted = checkSelfPermission(NOTIFICATIONS) == PackageManager.PERMISSION_GRANTED
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU || isGranted ||
            asked.getBoolean(NOTIFICATIONS, false)
        ) {
            return
        }
        asked.edit().putBoolean(NOTIFICATIONS, true).apply()
        notifications.launch(NOTIFICATIONS)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        follow(intent)
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putString(SCREEN, screen.name)
    }

    /** What memory pressure took while nobody looked is loaded again for who comes back. */
    override fun onStart() {
        super.onStart()
        if (services.host.state.value is EngineState.Unloaded) setup.reload()
    }

    private fun window() =
        Window(
            setup = setup,
            chat = services.chat,
            check = check,
            shelf = services.bundles,
            history = services.history,
            works = services.works,
            advice = SetupAdvice("adb push model.litertlm ${services.shelf.pushed}"),
            onPick = { picker.launch(arrayOf("*/*")) },
            onShare = ::share,
            onScreen = ::show,
            onReload = setup::reload,
        )

    private fun import(uri: Uri) = setup.import { openDocument(contentResolver, uri) }

    /** Over the lock screen there is the self-check and nothing else. */
    private fun show(screen: Screen) {
        if (getSystemService(KeyguardManager::class.java)?.isKeyguardLocked == true) finish() else this.screen = screen
    }

    private fun showOverLock(isShown: Boolean) {
        setShowWhenLocked(isShown)
        setTurnScreenOn(isShown)
        val flag = WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON
        if (isShown) window.addFlags(flag) else window.clearFlags(flag)
    }

    private fun share() {
        val uri = FileProvider.getUriForFile(this, "$packageName.files", services.report.file)
        val send =
            Intent(Intent.ACTION_SEND)
                .setType("application/json")
                .putExtra(Intent.EXTRA_STREAM, uri)
                .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
        startActivity(Intent.createChooser(send, null))
    }

    private fun follow(intent: Intent) {
        // Whoever names the alias has the shell's permission; the action alone proves nothing.
        if (intent.component?.className == SELF_CHECK) {
            screen = Screen.CHECK
            check.runUnattended(setup)
            return
        }
        offered =
            when (intent.action) {
                Intent.ACTION_VIEW -> intent.data
                Intent.ACTION_SEND -> IntentCompat.getParcelableExtra(intent, Intent.EXTRA_STREAM, Uri::class.java)
                else -> null
            }?.takeIf { it.scheme == ContentResolver.SCHEME_CONTENT }
    }

    internal companion object {
        const val SELF_CHECK = "dev.slipstream.app.SelfCheck"
        private const val SCREEN = "screen"
        private const val NOTIFICATIONS = "android.permission.POST_NOTIFICATIONS"
    }
}
