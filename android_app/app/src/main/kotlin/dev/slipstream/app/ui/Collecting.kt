package dev.slipstream.app.ui

import androidx.compose.runtime.Composable
import androidx.compose.runtime.State
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.StateFlow

/** What a model shows, read in the main thread whichever thread it was changed in, while the window is visible. */
@Composable
internal fun <T> StateFlow<T>.collected(): State<T> = collectAsStateWithLifecycle(context = Dispatchers.Main.immediate)
