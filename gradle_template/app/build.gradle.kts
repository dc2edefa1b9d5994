import java.util.Properties

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.compose)
    alias(libs.plugins.ksp)
}

// What the export was told: `export install` and `check` read it here too.
val identity = Properties().apply { file("src/bindings/application.properties").reader().use(::load) }

android {
    namespace = "dev.slipstream.app"
    compileSdk = 35

    defaultConfig {
        applicationId = identity.getProperty("applicationId")
        minSdk = 29
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }

    // What the export writes has source roots of its own: ModelBindings.kt, the app's name.
    sourceSets.named("main") {
        kotlin.directories += "src/bindings/kotlin"
        res.directories += "src/bindings/res"
    }

    buildFeatures { compose = true }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    // Stored, not compressed: it is copied out of the APK on the first start, and that of weights gains nothing by zip.
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
