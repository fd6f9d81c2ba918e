"""The backend KServe: InferenceServices in its Standard mode."""
