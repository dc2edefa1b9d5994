package dev.slipstream.app

import android.content.Context
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
import androidx.lifecycle.lifecycleScope
import dev.slipstream.app.engine.EngineState
import dev.slipstream.app.setup.SetupAdvice
import dev.slipstream.app.setup.SetupState
import dev.slipstream.app.storage.openDocument
import dev.slipstream.app.ui.Screen
import dev.slipstream.app.ui.SlipstreamScreens
import dev.slipstream.app.ui.SlipstreamTheme
import dev.slipstream.app.ui.Window
import dev.slipstream.app.ui.collected
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch

/** The app's one window. [selfCheckAction] starts the self-check without a touch. */
public class MainActivity : ComponentActivity() {
    private val services by lazy { (application as SlipstreamApplication).services }
    private val setup get() = services.setup
    private val check get() = services.check
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
            }
        }
        if (savedInstanceState == null) follow(intent)
        lifecycleScope.launch { askForNotifications() }
    }

    /** Once, when there is something to tell: who refuses is not asked again, and everything goes on without. */
    private suspend fun askForNotifications() {
        services.works.state.first { it.isNotEmpty() }
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
            history = services.history,
            works = services.works,
            advice = SetupAdvice("adb push model.litertlm ${services.shelf.pushed}"),
            onPick = { picker.launch(arrayOf("*/*")) },
            onShare = ::share,
            onScreen = { screen = it },
            onReload = setup::reload,
            onOtherBundle = {
                setup.chooseAnother()
                services.host.forget()
            },
        )

    private fun import(uri: Uri) = setup.import { openDocument(contentResolver, uri) }

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
        if (intent.action != selfCheckAction(this)) return
        screen = Screen.CHECK
        setShowWhenLocked(true)
        setTurnScreenOn(true)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        lifecycleScope.launch {
            val (engine, state) =
                combine(services.host.state, setup.state, ::Pair).first { (engine, state) ->
                    engine is EngineState.Ready || state.phase in WAITING_FOR_SOMEBODY
                }
            when {
                engine is EngineState.Ready -> check.run()
                state.phase == SetupState.Phase.ASKING -> check.refuse(MEMORY_SHORT)
                else -> check.refuse(state.problem ?: NO_BUNDLE)
            }
        }
    }

    internal companion object {
        private const val SCREEN = "screen"
        private const val NOTIFICATIONS = "android.permission.POST_NOTIFICATIONS"
        private val WAITING_FOR_SOMEBODY = setOf(SetupState.Phase.EMPTY, SetupState.Phase.ASKING)
        private val MEMORY_SHORT =
            Problem(
                "Memory is short",
                "more free memory",
                "less than the bundle needs",
                "this phone",
                "Close other apps.",
            )
        private val NO_BUNDLE =
            Problem("There is no bundle", "a bundle on this phone", "none", "the app", "Copy one with adb.")

        /** Of the app's own id, as in the manifest: apps of several exports have an action each. */
        fun selfCheckAction(context: Context): String = "${context.packageName}.SELF_CHECK"
    }
}
