"""A checkpoint's chat template: read, rendered in a sandbox, and expressed as constant turn pieces."""
