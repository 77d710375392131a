"""libmodbus, the C library, as a client and as a server; `python -m tests.devices.libmodbus PORT` serves.

It is loaded by ctypes: the runtime package is enough, no header and no compiler.
"""

import ctypes
import struct
import sys
from contextlib import suppress
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_uint8, c_uint16, c_void_p
from typing import Any

NAME = "libmodbus.so.5"
EXCEPTION = 112345678
"""Errors above this are Modbus exceptions (modbus.h: MODBUS_ENOBASE)."""
LONGEST = 260


class Mapping(ctypes.Structure):
    """modbus_mapping_t of modbus.h."""

    _fields_ = (
        *((name, c_int) for name in (
            "nb_bits", "start_bits", "nb_input_bits", "start_input_bits", "nb_input_registers",
            "start_input_registers", "nb_registers", "start_registers",
        )),
        ("tab_bits", POINTER(c_uint8)), ("tab_input_bits", POINTER(c_uint8)),
        ("tab_input_registers", POINTER(c_uint16)), ("tab_registers", POINTER(c_uint16)),
    )  # fmt: skip


def load() -> Any:
    """The library; OSError where it is not installed."""
    library = ctypes.CDLL(NAME, use_errno=True)
    library.modbus_new_tcp.restype, library.modbus_new_tcp.argtypes = c_void_p, [c_char_p, c_int]
    library.modbus_mapping_new.restype = POINTER(Mapping)
    library.modbus_strerror.restype = c_char_p
    for word_order in ("abcd", "cdab"):
        get = getattr(library, f"modbus_get_float_{word_order}")
        get.restype, get.argtypes = c_float, [POINTER(c_uint16)]
    for name in ("connect", "close", "free", "get_header_length"):
        getattr(library, f"modbus_{name}").argtypes = [c_void_p]
    library.modbus_set_slave.argtypes = [c_void_p, c_int]
    for name in ("read_registers", "read_input_registers", "write_registers"):
        getattr(library, f"modbus_{name}").argtypes = [c_void_p, c_int, c_int, POINTER(c_uint16)]
    library.modbus_tcp_listen.argtypes = [c_void_p, c_int]
    library.modbus_tcp_accept.argtypes = [c_void_p, POINTER(c_int)]
    library.modbus_receive.argtypes = [c_void_p, POINTER(c_uint8)]
    library.modbus_reply.argtypes = [c_void_p, POINTER(c_uint8), c_int, POINTER(Mapping)]
    return library


class Client:
    """Blocking; use it in a thread."""

    def __init__(self, host: str, port: int, unit: int = 1) -> None:
        self._lib = load()
        self._context = c_void_p(self._lib.modbus_new_tcp(host.encode(), port))
        self._lib.modbus_set_slave(self._context, unit)
        self._judge(self._lib.modbus_connect(self._context))

    def read(self, at: int, count: int, *, inputs: bool = False) -> list[int]:
        words = (c_uint16 * count)()
        ask = self._lib.modbus_read_input_registers if inputs else self._lib.modbus_read_registers
        self._judge(ask(self._context, at, count, words))
        return list(words)

    def write(self, at: int, words: list[int]) -> None:
        self._judge(self._lib.modbus_write_registers(self._context, at, len(words), (c_uint16 * len(words))(*words)))

    def float32(self, words: list[int], *, little: bool) -> float:
        """As libmodbus reads two registers; `little`: low word first."""
        get = self._lib.modbus_get_float_cdab if little else self._lib.modbus_get_float_abcd
        return get((c_uint16 * 2)(*words))

    def close(self) -> None:
        self._lib.modbus_close(self._context)
        self._lib.modbus_free(self._context)

    def _judge(self, result: int) -> None:
        if result < 0:
            number = ctypes.get_errno()
            raise RuntimeError(f"exception {number - EXCEPTION}" if number > EXCEPTION else f"errno {number}")


def serve(port: int) -> None:
    """A meter and a battery with a hand-written map; each write is printed."""
    library = load()
    context = c_void_p(library.modbus_new_tcp(b"127.0.0.1", port))
    mapping = library.modbus_mapping_new(0, 0, 300, 100)
    holding, inputs = mapping.contents.tab_registers, mapping.contents.tab_input_registers
    for address, value in ((0, 4200.0), (2, 50.02), (4, 231.25)):
        # Not modbus_set_float_abcd: some versions of the library swap the bytes there, but not when reading.
        inputs[address], inputs[address + 1] = struct.unpack(">2H", struct.pack(">f", value))
    holding[100], holding[101], holding[102] = 0xFFFF, 0x10000 - 3500, 4200
    holding[103], holding[104], holding[105] = 0, 8400, 0xFFFF
    listening = c_int(library.modbus_tcp_listen(context, 5))
    print("ready", flush=True)
    query = (c_uint8 * LONGEST)()
    head = library.modbus_get_header_length(context)
    while library.modbus_tcp_accept(context, byref(listening)) >= 0:
        while (size := library.modbus_receive(context, query)) >= 0:
            if size and library.modbus_reply(context, query, size, mapping) >= 0 and query[head] in (6, 16):
                address = query[head + 1] << 8 | query[head + 2]
                count = 1 if query[head] == 6 else query[head + 3] << 8 | query[head + 4]
                print("wrote", address, *(holding[address + n] for n in range(count)), flush=True)
        library.modbus_close(context)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        serve(int(sys.argv[1]))
