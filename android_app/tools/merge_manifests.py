#!/usr/bin/env python3
"""Merges manifests: merge_manifests.py APP.xml FOLDER OUT.xml APPLICATION_ID NAMESPACE MIN_SDK TARGET_SDK VERSION_CODE
VERSION_NAME.

What the libraries here need of Android's manifest merger, and an error for the rest: adds each library's permissions
and components, joins elements of one name, fills in ${applicationId}, and writes the app's own classes with their
package, which is NAMESPACE: Android would look for them in the application id.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

ANDROID = "{http://schemas.android.com/apk/res/android}"
TOOLS = "{http://schemas.android.com/tools}"
NAME = ANDROID + "name"
CLASSES = (NAME, ANDROID + "targetActivity", ANDROID + "parentActivityName")


def merge(into: ET.Element, new: ET.Element) -> None:
    for key, value in new.attrib.items():
        if not key.startswith(TOOLS) and into.attrib.setdefault(key, value) != value:
            sys.exit(f"{into.tag} {into.get(NAME)}: {key} is {into.get(key)} and {value}")
    for child in new:
        if child.get(TOOLS + "node", "merge") != "merge":
            sys.exit(f"{child.tag}: tools:node={child.get(TOOLS + 'node')} is not supported")
        same = [e for e in into if e.tag == child.tag and e.get(NAME) == child.get(NAME)]
        if child.tag == "application":
            merge(into.find("application"), child)
        elif same and child.get(NAME):
            merge(same[0], child)
        elif child.tag != "uses-sdk":
            into.append(child)
            for element in child.iter():
                element.attrib.pop(TOOLS + "node", None)


def with_package(root: ET.Element, namespace: str) -> None:
    for element in root.iter():
        for key in CLASSES:
            if element.get(key, "").startswith("."):
                element.set(key, namespace + element.get(key))


def main(app, folder, out, package, namespace, min_sdk, target_sdk, version_code, version_name) -> None:
    ET.register_namespace("android", ANDROID[1:-1])
    root = ET.fromstring(Path(app).read_text().replace("${applicationId}", package))
    with_package(root, namespace)
    for file in sorted(Path(folder).glob("*.xml")):
        library = ET.fromstring(file.read_text().replace("${applicationId}", package))
        library.attrib.pop("package")
        merge(root, library)
    root.set("package", package)
    root.set(ANDROID + "versionCode", version_code)
    root.set(ANDROID + "versionName", version_name)
    sdk = {ANDROID + "minSdkVersion": min_sdk, ANDROID + "targetSdkVersion": target_sdk}
    root.insert(0, ET.Element("uses-sdk", sdk))
    ET.indent(root)
    ET.ElementTree(root).write(out, "utf-8", xml_declaration=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
