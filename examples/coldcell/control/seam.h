/* What the control code asks of the board it runs on. */
#pragma once
#include "cell.h"

/* A computation that no processor may go on from. The firmware resets with reset=fault,
 * the host library returns `why` from cell_step. Every processor thus agrees on what a zero divisor does. */
_Noreturn void cell_trap(enum cell_fault why);
