"""Slips of the pen in the Mac host, as edits of its text: name, file, old, new, occurrence."""

from __future__ import annotations

Fault = tuple[str, str, int]

FAULTS: dict[str, dict[str, Fault]] = {
    "resources.py": {
        "region order, upload": ("(0, 0, width, height)", "(0, 0, height, width)", 0),
        "region order, download": ("(0, 0, width, height)", "(0, 0, height, width)", 1),
        "region: size first": ("(0, 0, width, height)", "(width, height, 0, 0)", 0),
        "forgotten slice, upload": ("range(slices)", "range(slices - 1)", 0),
        "forgotten slice, download": ("range(slices)", "range(slices - 1)", 1),
        "all into slice 0": ("region, 0, k, bytes_of", "region, 0, 0, bytes_of", 0),
        "slice given as level": ("region, 0, k, bytes_of", "region, k, 0, bytes_of", 0),
        "all from slice 0": ("row * height, region, 0, k", "row * height, region, 0, 0", 0),
        "bytes per row of one lane": ("width * 4 * array.itemsize", "width * array.itemsize", 0),
        "bytes per row of a column": ("width * 4 * array", "height * 4 * array", 0),
        "bytes per image in 2D": (
            "bytes_of(array[k]), row, 0",
            "bytes_of(array[k]), row, row * height",
            0,
        ),
        "download into a copy": (
            "bytes_of(array[k]), row, row",
            "bytes_of(array[k].copy()), row, row",
            0,
        ),
        "download into bytes": ("bytes_of(array[k]), row, row", "array[k].tobytes(), row, row", 0),
        "usage not set": ("descriptor.setUsage_(USAGE_READ_WRITE)", "pass", 0),
        "storage not set": ("descriptor.setStorageMode_(TEXTURE_SHARED)", "pass", 0),
        "never an array": ("TEXTURE_2D_ARRAY if arrayed else TEXTURE_2D", "TEXTURE_2D", 0),
        "always an array": ("TEXTURE_2D_ARRAY if arrayed else TEXTURE_2D", "TEXTURE_2D_ARRAY", 0),
        "array length not set": ("descriptor.setArrayLength_(slices)", "pass", 0),
        "a NumPy number": (
            "descriptor.setWidth_(width)",
            "descriptor.setWidth_(np.int64(width))",
            0,
        ),
        "unknown selector": ("descriptor.setUsage_(", "descriptor.setTextureUsage_(", 0),
        "types share a texture": (
            "(array.shape, array.dtype.name, arrayed)",
            "(array.shape, arrayed)",
            0,
        ),
        "2D and array share": (
            "(array.shape, array.dtype.name, arrayed)",
            "(array.shape, array.dtype.name)",
            0,
        ),
        "one texture for two": ("free.pop() if free", "free[-1] if free", 0),
        "a buffer too long": (
            "as_buffer(array.nbytes)[:] =",
            "as_buffer(array.nbytes + 1)[:-1] =",
            0,
        ),
        "buffer never filled": (
            "buffer.contents().as_buffer(array.nbytes)[:] = bytes_of(array)",
            "pass",
            0,
        ),
    },
    "numbers.py": {
        "blue for red": ('"uint8": 70', '"uint8": 80', 0),
        "float32 for float16": ('"float16": 115', '"float16": 125', 0),
        "usage read": ("USAGE_READ_WRITE = 1 | 2", "USAGE_READ_WRITE = 1", 0),
        "fast is 0": (
            '{"safe": 0, "relaxed": 1, "fast": 2}',
            '{"fast": 0, "relaxed": 1, "safe": 2}',
            0,
        ),
    },
    "mac_library.py": {
        "never given back": ("self._resources.give_back()", "pass", 0),
        "no waiting": ("command.waitUntilCompleted()", "pass", 0),
        "no commit": ("command.commit()", "pass", 0),
        "encoder left open": ("encoder.endEncoding()", "pass", 0),
        "offset and index swapped": ("(buffer, 0, index)", "(buffer, index, 0)", 0),
        "buffers in signature order": (
            "for index, buffer in held.items()",
            "for index, buffer in enumerate(held.values())",
            0,
        ),
        "buffers swapped": (
            "for index, buffer in held.items()",
            "for index, buffer in zip(held, reversed(held.values()))",
            0,
        ),
        "textures swapped": (
            "for index, texture in drawn.items()",
            "for index, texture in zip(drawn, reversed(drawn.values()))",
            0,
        ),
        "threadgroup memory not set": (
            "encoder.setThreadgroupMemoryLength_atIndex_(int(length), index)",
            "pass",
            0,
        ),
        "length and index swapped": ("(int(length), index)", "(index, int(length))", 0),
        "threads for threadgroups": (
            "(size(*groups), size(*wide))",
            "(size(*(a * b for a, b in zip(groups, wide))), size(*wide))",
            0,
        ),
        "groups and size swapped": (
            "(size(*groups), size(*wide))",
            "(size(*wide), size(*groups))",
            0,
        ),
        "tuples for structs": ("(size(*groups), size(*wide))", "(groups, wide)", 0),
        "fast math left on": ("options.setMathMode_(MATH_MODES[math])", "pass", 0),
        "fast functions left on": ("options.setMathFloatingPointFunctions_(precise)", "pass", 0),
        "fast math left on before 15": ('options.setFastMathEnabled_(math != "safe")', "pass", 0),
        "fast math turned about": (
            'setFastMathEnabled_(math != "safe")',
            'setFastMathEnabled_(math == "safe")',
            0,
        ),
        "selector never answered": ('"setMathMode:"', '"setMathMode"', 0),
        "a warning is an error": ("if library is None:", "if error is not None:", 0),
        "the GPU's error not read": (
            "if command.status() == STATUS_ERROR or command.error() is not None:",
            "if False:",
            0,
        ),
        "no autorelease pool": ("with self._bridge.pool():", "if True:", 1),
        "nothing brought back": ("if is_written(one):", "if not is_written(one):", 0),
        "buffers not brought back": ("if is_written(one):", "if False:", 1),
        "an error object for an out argument": (
            "(text, options, None)",
            "(text, options, options)",
            0,
        ),
        "a pair taken for a library": (
            "library, error = self.device.newLibrary",
            "library = error = self.device.newLibrary",
            0,
        ),
    },
    "limits.py": {
        "rounded down": ("-(-int(n) // int(wide))", "int(n) // int(wide)", 0),
        "no limit of threads": ("if prod(threadgroup) > most:", "if False:", 0),
    },
}
