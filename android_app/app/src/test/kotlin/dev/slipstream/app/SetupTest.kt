package dev.slipstream.app

import android.content.ComponentCallbacks2
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.view.View
import android.view.ViewGroup
import androidx.compose.ui.test.onAllNodesWithTag
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performScrollTo
import androidx.compose.ui.test.performTextInput
import androidx.lifecycle.Lifecycle
import androidx.test.core.app.ActivityScenario
import dev.slipstream.app.engine.EngineState
import dev.slipstream.app.storage.BundleShelf
import dev.slipstream.app.storage.MemorySource
import dev.slipstream.app.storage.PackedBundle
import dev.slipstream.app.storage.resource
import dev.slipstream.bundle.readManifest
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import java.io.File
import java.util.concurrent.CountDownLatch

class SetupTest : AppTest() {
    private val small = resource("small.litertlm")
    private val other = resource("other.litertlm")

    @Test
    fun `the first start says how, and a picked bundle is imported and loaded`() {
        open()
        awaitTag("pick")
        rule.onNodeWithText("adb push model.litertlm", substring = true).assertExists()
        pick(small)
        awaitTag("send")
        assertArrayEquals(small, imported())
    }

    @Test
    fun `a damaged bundle is named in plain words, and another can be picked`() {
        open()
        awaitTag("pick")
        pick(small.copyOf().also { it[60_000] = (it[60_000] + 1).toByte() })
        awaitText("Bundle is damaged in")
        assertEquals(emptyList<File>(), bundles())
        pick(small)
        awaitTag("send")
    }

    @Test
    fun `a packed bundle is used at once`() {
        app.packed = packed("small.litertlm")
        open()
        awaitTag("send")
    }

    @Test
    fun `an update's bundle takes the place of the earlier one, and not of one that was chosen after it`() {
        app.packed = packed("small.litertlm")
        openAndClose()
        assertArrayEquals(small, imported())
        app.packed = packed("other.litertlm")
        openAndClose()
        assertArrayEquals(other, imported())
        app.putBundle(small) // chosen by the user
        openAndClose()
        assertArrayEquals(small, chosen())
    }

    @Test
    fun `a bundle that was chosen stays, also where the packed one was never unpacked`() {
        app.packed = packed("small.litertlm")
        File(app.external, "model.litertlm").writeBytes(small) // as install pushes it beside the APK
        app.restart()
        open()
        awaitTag("menu")
        openModelPage()
        pick(other, "add-bundle")
        awaitChosen(other)
        close()
        openAndClose()
        assertArrayEquals(other, chosen())
    }

    @Test
    fun `an update's bundle that does not get in leaves the earlier one where it is`() {
        app.putBundle(small)
        app.packed = PackedBundle("another") { MemorySource(other.copyOf(other.size / 2)) }
        open()
        awaitText("Bundle")
        assertArrayEquals(small, imported())
        rule.onNodeWithTag("pick").assertExists()
    }

    private fun packed(name: String) = resource(name).let { PackedBundle(sha256(it)) { MemorySource(it) } }

    private fun sha256(bytes: ByteArray) = readManifest(MemorySource(bytes).bytes!!, "it").manifestSha256

    private fun bundles() =
        app.bundles
            .listFiles { file -> file.name.endsWith(BundleShelf.SUFFIX) }
            .orEmpty()
            .toList()

    /** The only one. */
    private fun imported() = bundles().single().readBytes()

    private fun chosen() =
        app.services.shelf
            .find()!!
            .readBytes()

    private fun openModelPage() {
        rule.onNodeWithTag("menu").performClick()
        rule.onNodeWithText("Model").performClick()
        awaitTag("bundle")
    }

    /** The engine that was made for a bundle is asked for its file. */
    private fun awaitChosen(bytes: ByteArray) =
        await {
            app.services.shelf
                .find()
                ?.readBytes()
                ?.contentEquals(bytes) == true && isReady()
        }

    private fun isReady() = app.services.host.state.value is EngineState.Ready

    private fun openAndClose() {
        app.restart()
        open()
        awaitTag("send")
        close()
    }

    @Test
    fun `of two imports at once the second is made, when the first has ended`() {
        val gate = CountDownLatch(1)
        app.packed =
            PackedBundle("packed") {
                gate.await()
                MemorySource(small)
            }
        open()
        await { Work.Kind.IMPORT in app.services.works.state.value }
        scenario!!.onActivity { app.services.setup.import { MemorySource(other) } }
        gate.countDown()
        awaitTag("send")
        assertArrayEquals(other, imported())
    }

    @Test
    fun `an import goes on without a window`() {
        val gate = CountDownLatch(1)
        app.packed =
            PackedBundle("packed") {
                gate.await()
                MemorySource(small)
            }
        open()
        await { Work.Kind.IMPORT in app.services.works.state.value }
        close()
        gate.countDown()
        await { app.services.host.state.value is EngineState.Ready }
        assertArrayEquals(small, imported())
    }

    @Test
    fun `the screen stays on while something goes on, and notifications are asked for once`() {
        val gate = CountDownLatch(1)
        app.packed =
            PackedBundle("packed") {
                gate.await()
                MemorySource(small)
            }
        open()
        await { Work.Kind.IMPORT in app.services.works.state.value }
        await { keepsScreenOn() }
        scenario!!.onActivity {
            assertEquals(
                listOf("android.permission.POST_NOTIFICATIONS"),
                shadowOf(it).lastRequestedPermission.requestedPermissions.toList(),
            )
        }
        gate.countDown()
        awaitTag("send")
        await { !keepsScreenOn() }
        scenario!!.recreate()
        awaitTag("send")
        app.services.setup.lookAgain()
        await {
            app.services.works.state.value
                .isEmpty()
        }
        scenario!!.onActivity { assertNull(shadowOf(it).lastRequestedPermission) }
    }

    private fun keepsScreenOn(): Boolean {
        var found = false
        scenario!!.onActivity { activity -> found = anyView(activity.window.decorView) { it.keepScreenOn } }
        return found
    }

    private fun anyView(
        view: View,
        test: (View) -> Boolean,
    ): Boolean =
        test(view) || (view is ViewGroup && (0 until view.childCount).any { anyView(view.getChildAt(it), test) })

    @Test
    fun `a model that memory pressure took is there again for who comes back`() {
        app.putBundle(small)
        open()
        awaitTag("send")
        scenario!!.moveToState(Lifecycle.State.CREATED)
        app.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        await { app.services.host.state.value is EngineState.Unloaded }
        scenario!!.moveToState(Lifecycle.State.RESUMED)
        await { app.services.host.state.value is EngineState.Ready }
        awaitTag("send")
    }

    /** The model was unloaded, and by the time the user comes back its file is gone. */
    private fun comeBackTo(gone: File) {
        open()
        awaitTag("send")
        scenario!!.moveToState(Lifecycle.State.CREATED)
        app.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        await { app.services.host.state.value is EngineState.Unloaded }
        assertTrue(gone.delete())
        scenario!!.moveToState(Lifecycle.State.RESUMED)
        awaitText("This bundle can’t be used")
    }

    @Test
    fun `a bundle that vanished while it was in use is named, and another can be picked`() {
        comeBackTo(checkNotNull(app.putBundle(small)))
        pick(small)
        awaitTag("send")
        assertArrayEquals(small, imported())
    }

    @Test
    fun `where a bundle vanished, one that is there can be used in its place`() {
        app.putBundle(other)
        comeBackTo(checkNotNull(app.putBundle(small)))
        rule.onNodeWithTag("use").performScrollTo().performClick()
        awaitChosen(other)
        awaitTag("send")
    }

    @Test
    fun `a bundle that vanished while it is loaded is missed by nobody until it is loaded again`() {
        val file = checkNotNull(app.putBundle(small))
        open()
        awaitChat()
        file.delete()
        rule.onNodeWithTag("input").performTextInput("Hello")
        rule.onNodeWithTag("send").performClick()
        await {
            app.services.chat.state.value.messages
                .count() == 2
        }
        awaitTag("send")
        rule.onNodeWithTag("menu").performClick()
        rule.onNodeWithText("Model").performClick()
        awaitTag("add-bundle")
        rule.onNodeWithTag("bundle").assertDoesNotExist()
    }

    @Test
    fun `a pushed bundle is found without a new start`() {
        open()
        awaitTag("look")
        File(app.external, "model.litertlm").writeBytes(small)
        rule.onNodeWithTag("look").performScrollTo().performClick()
        awaitTag("send")
    }

    @Test
    fun `more memory than is free is told before anything is loaded`() {
        app.putBundle(small)
        app.freeMemory = 1_000_000
        open()
        awaitTag("asking")
        rule.onNodeWithTag("need").assertExists()
        assertEquals(EngineState.Absent, app.services.host.state.value)
        rule.onNodeWithText("Load it anyway").performScrollTo().performClick()
        awaitTag("send")
    }

    @Test
    fun `another bundle is added to the first, used in its place, and the first again`() {
        app.putBundle(small)
        open()
        awaitTag("menu")
        openModelPage()
        pick(other, "add-bundle")
        awaitChosen(other)
        awaitTag("add-bundle")
        assertEquals(2, bundles().size)
        await { rule.onAllNodesWithTag("bundle").fetchSemanticsNodes().size == 2 }
        rule.onNodeWithTag("use").performScrollTo().performClick()
        awaitChosen(small)
    }

    @Test
    fun `a bundle that is deleted takes its packed weights along, and the other one is used`() {
        app.putBundle(other)
        app.putBundle(small)
        open()
        awaitTag("menu")
        openModelPage()
        delete(0)
        awaitChosen(other)
        assertArrayEquals(other, imported())
        assertEquals(1, app.weightsFreed)
        awaitTag("bundle")
        delete(0)
        awaitTag("pick")
        assertEquals(emptyList<File>(), bundles())
        assertEquals(2, app.weightsFreed)
    }

    @Test
    fun `one that is not in use is deleted without a word to the model`() {
        app.putBundle(other)
        app.putBundle(small)
        open()
        awaitTag("menu")
        openModelPage()
        await { rule.onAllNodesWithTag("bundle").fetchSemanticsNodes().size == 2 }
        delete(1)
        await { rule.onAllNodesWithTag("bundle").fetchSemanticsNodes().size == 1 }
        assertArrayEquals(small, imported())
        assertTrue(isReady())
        assertEquals(0, app.weightsFreed)
    }

    private fun delete(index: Int) {
        rule.onAllNodesWithTag("delete")[index].performScrollTo().performClick()
        rule.onNodeWithTag("confirm-delete").performClick()
    }

    @Test
    fun `a bundle that another app hands over is imported after a question`() {
        for (action in listOf(Intent.ACTION_VIEW, Intent.ACTION_SEND)) {
            app.bundles.deleteRecursively()
            app.restart()
            openHandedOver(action, small)
            awaitTag("confirm-import")
            assertEquals(emptyList<File>(), bundles())
            rule.onNodeWithTag("confirm-import").performClick()
            awaitChosen(small)
            close()
        }
    }

    @Test
    fun `a file of the app's own is no bundle that another app hands over`() {
        scenario = ActivityScenario.launch(handedOver(Intent.ACTION_VIEW, Uri.fromFile(File(app.filesDir, "it"))))
        awaitTag("pick")
        rule.onNodeWithTag("confirm-import").assertDoesNotExist()
    }

    private fun openHandedOver(
        action: String,
        bytes: ByteArray,
    ) {
        Robolectric.setupContentProvider(FilesProvider::class.java, "files.example")
        FilesProvider.file = File(app.cacheDir, "handed-over").also { it.writeBytes(bytes) }
        scenario = ActivityScenario.launch(handedOver(action, Uri.parse("content://files.example/model.litertlm")))
    }

    private fun handedOver(
        action: String,
        uri: Uri,
    ): Intent {
        val intent = Intent(app, MainActivity::class.java).setAction(action)
        return if (action == Intent.ACTION_VIEW) intent.setData(uri) else intent.putExtra(Intent.EXTRA_STREAM, uri)
    }

    @Test
    fun `file managers offer the app for bundles, and for nothing else that they open`() {
        val names = listOf("model.litertlm", "my.own.model.litertlm", "model.bin", "notes.txt")
        val found =
            names.filter { name ->
                val uri = Uri.parse("content://files.example/tree/$name")
                val view = Intent(Intent.ACTION_VIEW).setDataAndType(uri, "application/octet-stream")
                app.packageManager.queryIntentActivities(view, 0).isNotEmpty()
            }
        assertEquals(names.take(2), found)
    }

    @Test
    fun `a broken bundle that was pushed stands in nobody's way`() {
        app.putBundle(small)
        File(app.external, "model.litertlm").writeBytes(other.copyOf(other.size / 2))
        open()
        awaitText("This bundle can’t be used")
        rule.onNodeWithTag("use").performScrollTo().performClick()
        awaitTag("send")
        close()
        openAndClose()
        assertArrayEquals(small, chosen())
    }

    @Test
    fun `no permission to reach the network, and no backup`() {
        open()
        awaitTag("pick")
        val info = app.packageManager.getPackageInfo(app.packageName, PackageManager.GET_PERMISSIONS)
        val own = "${app.packageName}.DYNAMIC_RECEIVER_NOT_EXPORTED_PERMISSION"
        val work = listOf("", "_DATA_SYNC", "_SPECIAL_USE").map { "android.permission.FOREGROUND_SERVICE$it" }
        val asked = work + "android.permission.POST_NOTIFICATIONS" + own
        assertEquals(asked, info.requestedPermissions.orEmpty().toList())
        val application = app.applicationInfo
        assertEquals(0, application.flags and android.content.pm.ApplicationInfo.FLAG_ALLOW_BACKUP)
        assertEquals(29 to 35, application.minSdkVersion to application.targetSdkVersion)
        assertNotNull(app.packageManager.getLaunchIntentForPackage(app.packageName))
    }
}
