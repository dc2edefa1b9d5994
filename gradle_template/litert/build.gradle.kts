import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.kotlin.jvm)
    `maven-publish`
}

java {
    withSourcesJar()
    sourceCompatibility = JavaVersion.VERSION_17
    targetCompatibility = JavaVersion.VERSION_17
}

kotlin {
    explicitApi()
    compilerOptions {
        jvmTarget = JvmTarget.JVM_17
        allWarningsAsErrors = true
    }
}

dependencies {
    api(project(":decode"))
    // :slipstream brings JNA as an AAR, with the libraries for Android: both would be the same classes twice.
    compileOnly(libs.jna)
}

publishing {
    publications.register<MavenPublication>("release") { from(components["java"]) }
}
