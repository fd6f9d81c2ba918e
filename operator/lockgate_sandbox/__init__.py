"""A real little world for the demo, the tests and the benchmarks of Lockgate.

Nothing here is imported by the product. This file imports nothing on purpose: parts of the
package run inside containers that carry only the standard library.
"""
