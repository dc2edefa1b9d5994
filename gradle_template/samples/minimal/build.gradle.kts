plugins {
    alias(libs.plugins.android.application)
}

android {
    namespace = "dev.slipstream.samples.minimal"
    compileSdk = 35

    defaultConfig {
        applicationId = "dev.slipstream.samples.minimal"
        minSdk = 29
        targetSdk = 35
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
        }
    }
}

dependencies {
    implementation(project(":slipstream"))
    implementation(libs.coroutines.android)
}
