package dev.slipstream.app.storage

import android.content.ContentResolver
import android.content.res.AssetFileDescriptor
import android.content.res.AssetManager
import android.net.Uri
import android.provider.OpenableColumns
import java.io.FileInputStream
import java.io.FileNotFoundException
import java.io.IOException

/** The document that a file picker returned. FileNotFoundException, SecurityException as its provider throws them. */
internal fun openDocument(
    resolver: ContentResolver,
    uri: Uri,
): BundleSource {
    val name = nameOf(resolver, uri)
    val descriptor = resolver.openAssetFileDescriptor(uri, "r") ?: throw FileNotFoundException(name)
    val reopen = {
        val again = resolver.openAssetFileDescriptor(uri, "r") ?: throw FileNotFoundException(name)
        again.createInputStream()
    }
    return seekable(name, descriptor) ?: StreamSource(name, descriptor.length.takeIf { it >= 0 }, reopen)
}

/** As its provider calls it, or the last part of its address where that says nothing. */
internal fun nameOf(
    resolver: ContentResolver,
    uri: Uri,
): String {
    val columns = arrayOf(OpenableColumns.DISPLAY_NAME)
    val told =
        try {
            resolver.query(uri, columns, null, null, null)?.use { if (it.moveToFirst()) it.getString(0) else null }
        } catch (_: RuntimeException) {
            null // A provider throws here what it likes.
        }
    return told ?: uri.lastPathSegment ?: uri.toString()
}

/** The bundle that is packed into the APK. */
internal fun openAsset(
    assets: AssetManager,
    name: String,
): BundleSource {
    // openFd refuses an asset that was compressed after all.
    val descriptor =
        try {
            assets.openFd(name)
        } catch (_: IOException) {
            return StreamSource(name, null) { assets.open(name) }
        }
    return seekable(name, descriptor) ?: StreamSource(name, descriptor.length) { assets.open(name) }
}

/** Null, with [descriptor] closed, where it is a pipe. */
private fun seekable(
    name: String,
    descriptor: AssetFileDescriptor,
): BundleSource? {
    // Not createInputStream(): whether its channel counts from the asset's start depends on the Android version.
    val channel = FileInputStream(descriptor.fileDescriptor).channel
    try {
        channel.position(descriptor.startOffset)
        val size = descriptor.length.takeIf { it >= 0 } ?: (channel.size() - descriptor.startOffset)
        if (size > 0) return ChannelSource(name, channel, descriptor.startOffset, size, descriptor)
    } catch (_: IOException) {
        // A pipe has no position.
    }
    descriptor.close()
    return null
}
