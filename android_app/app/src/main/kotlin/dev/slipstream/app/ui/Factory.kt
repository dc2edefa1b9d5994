package dev.slipstream.app.ui

import androidx.lifecycle.ViewModelProvider
import androidx.lifecycle.createSavedStateHandle
import androidx.lifecycle.viewmodel.initializer
import androidx.lifecycle.viewmodel.viewModelFactory
import dev.slipstream.app.Services
import dev.slipstream.app.chat.ChatModel
import dev.slipstream.app.check.CheckModel
import dev.slipstream.app.model.ShelfModel
import dev.slipstream.app.setup.SetupModel

/** Makes each screen's model over [services]. */
internal fun modelFactory(services: Services): ViewModelProvider.Factory =
    viewModelFactory {
        initializer { SetupModel(services) }
        initializer { ChatModel(services, createSavedStateHandle()) }
        initializer { CheckModel(services) }
        initializer { ShelfModel(services) }
    }
