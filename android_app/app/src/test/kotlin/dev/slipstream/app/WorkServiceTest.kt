package dev.slipstream.app

import android.app.Notification
import android.app.NotificationManager
import android.content.pm.ServiceInfo
import androidx.test.core.app.ApplicationProvider
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.launch
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowLooper.idleMainLooper

@RunWith(RobolectricTestRunner::class)
class WorkServiceTest {
    private val app: TestApplication = ApplicationProvider.getApplicationContext()
    private val works get() = app.services.works
    private val ending = CompletableDeferred<Unit>()
    private var isStopped = false

    @After
    fun end() = app.restart()

    private fun begin(kind: Work.Kind) {
        val stop = {
            isStopped = true
            ending.complete(Unit)
            Unit
        }
        app.services.scope.launch { works.during(kind, stop) { ending.await() } }
        idleMainLooper()
    }

    /** As Android does when it was asked to. */
    private fun started(): WorkService {
        val intent = shadowOf(app).nextStartedService
        assertEquals(WorkService::class.java.name, intent.component!!.className)
        val service = Robolectric.buildService(WorkService::class.java, intent).create().get()
        service.onStartCommand(intent, 0, 1)
        idleMainLooper()
        return service
    }

    private fun text(notification: Notification) =
        notification.extras.getCharSequence(Notification.EXTRA_TEXT).toString()

    @Test
    fun `what begins is told in the foreground, by kind, and nothing of it on a locked screen`() {
        begin(Work.Kind.REPLY)
        val service = started()
        val told = shadowOf(service).lastForegroundNotification
        assertEquals(app.getString(R.string.work_reply), text(told))
        assertEquals(Notification.VISIBILITY_SECRET, told.visibility)
        val channel = app.getSystemService(NotificationManager::class.java)!!.getNotificationChannel(told.channelId)
        assertEquals(Notification.VISIBILITY_SECRET, channel.lockscreenVisibility)
        assertEquals(ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE, service.foregroundServiceType)
        ending.complete(Unit)
        idleMainLooper()
        assertTrue(shadowOf(service).isStoppedBySelf && shadowOf(service).isForegroundStopped)
    }

    @Test
    fun `an import is data, and tells how much is done`() {
        begin(Work.Kind.IMPORT)
        val service = started()
        assertEquals(ServiceInfo.FOREGROUND_SERVICE_TYPE_DATA_SYNC, service.foregroundServiceType)
        works.tell(Work.Kind.IMPORT, 42)
        idleMainLooper()
        val told = shadowOf(service).lastForegroundNotification
        assertEquals(42, told.extras.getInt(Notification.EXTRA_PROGRESS))
        assertFalse(told.extras.getBoolean(Notification.EXTRA_PROGRESS_INDETERMINATE))
    }

    @Test
    fun `the notification's button stops it`() {
        begin(Work.Kind.CHECK)
        val service = started()
        val action = shadowOf(service).lastForegroundNotification.actions.single()
        val intent = shadowOf(action.actionIntent).savedIntent
        assertEquals(app.getString(R.string.stop) to WorkService.STOP, action.title to intent.action)
        service.onStartCommand(intent, 0, 2)
        idleMainLooper()
        assertTrue(isStopped && shadowOf(service).isStoppedBySelf)
    }

    @Test
    fun `Android's limit in the background stops it`() {
        begin(Work.Kind.IMPORT)
        val service = started()
        service.onTimeout(1, ServiceInfo.FOREGROUND_SERVICE_TYPE_DATA_SYNC)
        assertTrue(isStopped && shadowOf(service).isStoppedBySelf)
    }

    @Test
    fun `what is over by the time the service starts leaves no notification`() {
        begin(Work.Kind.REPLY)
        ending.complete(Unit)
        idleMainLooper()
        assertTrue(shadowOf(started()).isStoppedBySelf)
    }
}
