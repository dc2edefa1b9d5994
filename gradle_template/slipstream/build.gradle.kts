plugins {
    alias(libs.plugins.android.library)
    `maven-publish`
}

android {
    namespace = "dev.slipstream"
    compileSdk = 35

    defaultConfig { minSdk = 29 }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    publishing { singleVariant("release") { withSourcesJar() } }
}

kotlin { explicitApi() }

dependencies {
    api(project(":decode"))
    api(libs.coroutines.core)
    implementation(project(":litert"))
    // The native libraries: apps need no more than this module. Rules for R8 come with :litert.
    implementation(libs.litert)
    implementation(variantOf(libs.jna) { artifactType("aar") })
}

publishing {
    publications.register<MavenPublication>("release") {
        afterEvaluate { from(components["release"]) }
    }
}
