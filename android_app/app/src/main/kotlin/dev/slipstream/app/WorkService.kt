package dev.slipstream.app

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.app.Service
import android.content.Context
import android.content.Intent
import android.content.pm.ServiceInfo
import android.os.IBinder
import androidx.core.app.NotificationCompat
import androidx.core.app.ServiceCompat
import androidx.core.content.ContextCompat
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch

/**
 * Tells Android that something goes on, so that the process is neither frozen nor ended while no window shows it: a
 * notification stands for it, which can end it. It tells nothing of what is said, and is not shown on a locked screen.
 */
internal class WorkService : Service() {
    private val services get() = (application as SlipstreamApplication).services
    private var watching: Job? = null

    override fun onBind(intent: Intent): IBinder? = null

    override fun onStartCommand(
        intent: Intent?,
        flags: Int,
        startId: Int,
    ): Int {
        // Android wants the notification within seconds, also of what is over by then.
        show(services.works.state.value.values)
        if (intent?.action == STOP) services.works.stopAll()
        if (watching == null) watching = services.scope.launch { services.works.state.collect(::follow) }
        return START_NOT_STICKY
    }

    /** Android allows an import in the background six hours a day. What was copied stays for the next one. */
    override fun onTimeout(
        startId: Int,
        fgsType: Int,
    ) {
        services.works.stopAll()
        end()
    }

    override fun onDestroy() {
        watching?.cancel()
        super.onDestroy()
    }

    private fun follow(works: Map<Work.Kind, Work>) {
        if (works.isEmpty()) end() else show(works.values)
    }

    private fun end() {
        ServiceCompat.stopForeground(this, ServiceCompat.STOP_FOREGROUND_REMOVE)
        stopSelf()
    }

    private fun show(works: Collection<Work>) {
        val type =
            if (works.any { it.kind == Work.Kind.IMPORT }) {
                ServiceInfo.FOREGROUND_SERVICE_TYPE_DATA_SYNC
            } else {
                ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE
            }
        ServiceCompat.startForeground(this, ID, notification(works.firstOrNull()), type)
    }

    private fun notification(work: Work?): Notification {
        val channel =
            NotificationChannel(CHANNEL, getString(R.string.work_channel), NotificationManager.IMPORTANCE_LOW).apply {
                lockscreenVisibility = Notification.VISIBILITY_SECRET
            }
        getSystemService(NotificationManager::class.java)?.createNotificationChannel(channel)
        val text =
            when (work?.kind) {
                Work.Kind.IMPORT -> R.string.work_import
                Work.Kind.CHECK -> R.string.work_check
                else -> R.string.work_reply
            }
        val window = Intent(this, MainActivity::class.java).addFlags(Intent.FLAG_ACTIVITY_SINGLE_TOP)
        val stop = Intent(this, WorkService::class.java).setAction(STOP)
        return NotificationCompat
            .Builder(this, CHANNEL)
            .setSmallIcon(R.drawable.ic_stop)
            .setContentTitle(getString(R.string.app_name))
            .setContentText(getString(text))
            .setVisibility(NotificationCompat.VISIBILITY_SECRET)
            .setOngoing(true)
            .setOnlyAlertOnce(true)
            .setProgress(WHOLE, work?.percent ?: 0, work?.percent == null)
            .setContentIntent(PendingIntent.getActivity(this, 0, window, PendingIntent.FLAG_IMMUTABLE))
            .addAction(
                R.drawable.ic_stop,
                getString(R.string.stop),
                PendingIntent.getService(this, 0, stop, PendingIntent.FLAG_IMMUTABLE),
            ).build()
    }

    companion object {
        const val STOP = "stop"
        private const val CHANNEL = "work"
        private const val ID = 1
        private const val WHOLE = 100

        /** To be called when something begins. Without it that goes on, as long as Android lets the process. */
        fun start(context: Context) {
            try {
                ContextCompat.startForegroundService(context, Intent(context, WorkService::class.java))
            } catch (_: IllegalStateException) {
                // Begun while no window was visible, as by a service that was refused before.
            }
        }
    }
}
