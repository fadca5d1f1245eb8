"""python faults.py LIBRARY: each fault twice; prints seed, result and uptime. Handlers and timer must be back after."""

import ctypes
import faulthandler
import signal
import sys

faulthandler.enable()
lib = ctypes.CDLL(sys.argv[1])
lib.cell_step.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
lib.cell_up.argtypes = (ctypes.c_void_p,)
state = ctypes.create_string_buffer(lib.cell_size())
before = [signal.getsignal(s) for s in (signal.SIGFPE, signal.SIGSEGV, signal.SIGVTALRM)]
for _ in range(2):
    for seed in (1, 2, 3, 33, 5, 6):
        lib.cell_init(ctypes.byref(state), len(state), (ctypes.c_uint32 * 3)(seed, 0, 1))
        print(seed, lib.cell_step(state, 100), lib.cell_up(state))
assert before == [signal.getsignal(s) for s in (signal.SIGFPE, signal.SIGSEGV, signal.SIGVTALRM)]
assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
