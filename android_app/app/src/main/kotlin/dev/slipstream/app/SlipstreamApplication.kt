package dev.slipstream.app

import android.app.Application

/** The process. */
public class SlipstreamApplication : Application()
