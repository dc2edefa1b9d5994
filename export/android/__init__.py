"""From a bundle to a phone: an Android project, an APK of it, and a phone that runs and checks it.

Empty but for this: an exported project carries `android.phone` without the rest.
"""
