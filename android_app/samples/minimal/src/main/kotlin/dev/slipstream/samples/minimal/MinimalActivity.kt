package dev.slipstream.samples.minimal

import android.app.Activity
import android.os.Bundle
import android.widget.TextView
import dev.slipstream.ReplyEvent
import dev.slipstream.Slipstream
import dev.slipstream.errors.SlipstreamException
import dev.slipstream.open
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch
import java.io.File

/** Loads files/model.litertlm, asks once, and shows the reply as it comes. */
public class MinimalActivity : Activity() {
    private val scope = MainScope()
    private var model: Slipstream? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val view = TextView(this).also(::setContentView)
        scope.launch {
            try {
                val bundle = File(getExternalFilesDir(null), "model.litertlm")
                val opened = Slipstream.open(this@MinimalActivity, bundle).also { model = it }
                opened.chat().send("Why is the sky blue?").collect { if (it is ReplyEvent.Text) view.append(it.text) }
            } catch (error: SlipstreamException) {
                view.text = error.message
            }
        }
    }

    override fun onDestroy() {
        scope.cancel()
        model?.close()
        super.onDestroy()
    }
}
