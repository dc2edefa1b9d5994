"""An APK from an exported Android project, without Gradle and without the Android SDK.

build.py puts the steps in order: compile.py has Maven compile the project's own sources, dex.py runs R8, elf.py and
libraries.py choose and check the native libraries, zip_writer.py lays everything out, sign.py signs and verifies.
tools.py finds the programs; package.py reads which app an APK is. Imports the standard library, export.errors,
export.files, export.outputs and export.android.render; used by the command line and its summary.
"""
