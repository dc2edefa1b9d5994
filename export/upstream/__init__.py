"""Work-arounds for defects of upstream libraries: one file a library, each entry with the release it was seen in, the
symptom, and a test in tests/export/test_upstream.py that fails when the work-around is no longer needed."""
