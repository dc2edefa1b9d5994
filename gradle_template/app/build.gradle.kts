plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.compose)
    alias(libs.plugins.ksp)
}

android {
    namespace = "dev.slipstream.app"
    compileSdk = 35

    defaultConfig {
        applicationId = "dev.slipstream.app"
        minSdk = 29
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }

    // ModelBindings.kt, which the export writes, has a source root of its own.
    sourceSets.named("main") { kotlin.directories += "src/bindings/kotlin" }

    buildFeatures { compose = true }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    // Stored, not compressed: the bundle is copied out of the APK as it is.
    androidResources { noCompress += "litertlm" }
    packaging { jniLibs { useLegacyPackaging = false } }

    buildTypes {
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "proguard.pro")
        }
    }
}

// Room tells a later version by it what there was.
ksp { arg("room.schemaLocation", "$projectDir/schemas") }

dependencies {
    implementation(project(":slipstream"))
    implementation(libs.activity.compose)
    implementation(libs.commonmark)
    implementation(libs.commonmark.tables)
    implementation(libs.compose.foundation)
    implementation(libs.compose.material3)
    implementation(libs.compose.material.icons)
    implementation(libs.compose.runtime)
    implementation(libs.compose.ui)
    implementation(libs.core)
    implementation(libs.coroutines.android)
    implementation(libs.lifecycle.runtime.compose)
    implementation(libs.room.runtime)
    ksp(libs.room.compiler)
}
