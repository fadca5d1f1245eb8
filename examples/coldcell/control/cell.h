/* Control code of the cold cell: measures, filters, drives the compressor, tests itself.
 * Portable: no registers, no clock, no globals; all state lies in the caller's buffer.
 * Temperatures are thousandths of a degree Celsius, times are seconds. */
#pragma once
#include <stdint.h>
#include "room.h"

#ifndef SAMPLE_PERIOD_S
#error "SAMPLE_PERIOD_S: build.sh takes it from fleetloop.toml (period-s of the revision)"
#endif

/* ---- ABI of the host library (ABI 1); the firmware calls the same functions, cell_step apart ---- */
#define CELL_ABI 1u
#define CELL_API __attribute__((visibility("default")))

enum cell_fault {          /* what cell_init and cell_step return */
  CELL_REFUSED = -1,       /* cell_init: no buffer, buffer too small or crooked, limits the wrong way round */
  CELL_FINE = 0,
  CELL_ZERO_DIVISOR = 1,   /* the control code's own check: cell_trap */
  CELL_ARITHMETIC = 2,     /* SIGFPE */
  CELL_MEMORY = 3,         /* SIGSEGV; also a stack that overflows */
  CELL_BUS = 4,            /* SIGBUS */
  CELL_ILLEGAL = 5,        /* SIGILL */
  CELL_WATCHDOG = 6,       /* one step took more than a second of processor time */
};
struct cell_params {
  uint32_t seed;           /* of the simulated store room */
  int32_t low, high;       /* the compressor stops below low and starts above high */
};
struct cell_reading {
  int32_t temperature;
  uint32_t cooling;        /* 1: the compressor runs */
  uint32_t self_test;      /* 1: passed */
};
CELL_API uint32_t cell_abi(void);
CELL_API const char *cell_version(void);
CELL_API uint32_t cell_size(void);                           /* bytes of state; align to 8 */
CELL_API int cell_init(void *state, uint32_t size, const struct cell_params *params);
CELL_API int cell_step(void *state, uint32_t seconds);       /* host library only: cell_run under guard */
CELL_API uint32_t cell_up(const void *state);                /* seconds done, the one a fault came in included */
CELL_API int cell_read(const void *state, struct cell_reading *out);

/* ---- for the firmware and the unit tests ---- */
#define CELL_WINDOW (3600u / SAMPLE_PERIOD_S) /* samples in the mean of the food record */
_Static_assert(CELL_WINDOW > 0 && CELL_WINDOW <= UINT16_MAX, "the counter of samples has 16 bits");

struct cell {
  volatile uint32_t up;    /* volatile: must be in memory when a fault ends the step */
  int32_t low, high;
  int32_t level;           /* filtered, what the compressor follows */
  int32_t sum, mean;       /* of the food record */
  uint16_t n;              /* samples in the mean */
  uint8_t cooling, healthy;
  int32_t last;            /* raw value before, and how often it came in a row */
  uint32_t same;
  uint32_t starts, cooled_s; /* of the compressor since the start of the application */
  struct room room;
};
void cell_run(struct cell *c, uint32_t seconds);
void cell_sample(struct cell *c, int32_t raw);
