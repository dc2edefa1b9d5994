package dev.slipstream.app.screens

import android.app.Activity
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Canvas
import android.graphics.Color
import java.io.File
import kotlin.math.abs

/** When two pictures count as the same: at most [fraction] of the pixels may differ by more than [channel] of 255. */
internal class Tolerance(
    val name: String,
    val channel: Int,
    val fraction: Double,
) {
    companion object {
        /** Native text rendering differs in single pixels at the edges of letters between processors. */
        val LETTER_EDGES = Tolerance("letter edges", channel = 24, fraction = 0.002)
    }
}

internal fun golden(name: String) = File("src/test/goldens/$name.png")

/** What the window shows now, for `target/screenshots` and against `src/test/goldens`. */
internal fun Activity.screenshot(): Bitmap {
    val view = window.decorView
    val bitmap = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888)
    runOnUiThread { view.draw(Canvas(bitmap)) }
    return bitmap
}

/** Compares with [file], the golden [name]; where it differs, `target/screenshots` has the picture and what changed in red. */
internal fun checkGolden(
    bitmap: Bitmap,
    name: String,
    tolerance: Tolerance = Tolerance.LETTER_EDGES,
    file: File = golden(name),
) {
    write(bitmap, File("target/screenshots/$name.png"))
    if (System.getProperty("goldens") == "record") {
        write(bitmap, file)
        return
    }
    check(file.isFile) { "no golden $file: -Dgoldens=record writes it" }
    val golden = BitmapFactory.decodeFile(file.path)
    check(golden.width == bitmap.width && golden.height == bitmap.height) {
        "$name is ${bitmap.width}x${bitmap.height}, its golden ${golden.width}x${golden.height}"
    }
    val delta = bitmap.copy(Bitmap.Config.ARGB_8888, true)
    val changed = mark(golden, delta, tolerance)
    val allowed = (tolerance.fraction * bitmap.width * bitmap.height).toInt()
    if (changed <= allowed) return
    val place = File("target/screenshots/$name-delta.png")
    write(delta, place)
    error("$name: $changed pixels differ, ${tolerance.name} allows $allowed; see $place")
}

/** Paints what differs red and fades the rest; returns how many pixels differ. */
private fun mark(
    golden: Bitmap,
    delta: Bitmap,
    tolerance: Tolerance,
): Int {
    var changed = 0
    for (y in 0 until golden.height) {
        for (x in 0 until golden.width) {
            val (a, b) = golden.getPixel(x, y) to delta.getPixel(x, y)
            val difference =
                maxOf(
                    abs(Color.red(a) - Color.red(b)),
                    abs(Color.green(a) - Color.green(b)),
                    abs(Color.blue(a) - Color.blue(b)),
                )
            if (difference > tolerance.channel) {
                changed += 1
                delta.setPixel(x, y, Color.RED)
            } else {
                val grey = 128 + (Color.red(b) + Color.green(b) + Color.blue(b)) / 6
                delta.setPixel(x, y, Color.rgb(grey, grey, grey))
            }
        }
    }
    return changed
}

private fun write(
    bitmap: Bitmap,
    file: File,
) {
    file.parentFile?.mkdirs()
    file.outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
}
