"""A small model server: the Open Inference Protocol (v2, HTTP) over one ONNX model.

It runs from the standard library, numpy and onnxruntime alone. In its image this package is called
`modelserver` and stands by itself, so imports inside it are relative and nothing else is imported.
"""
