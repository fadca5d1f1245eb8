/* The smallest host library: counts seconds, and does what the test asks for at FAULT_AT. */
#include "seam.h"

#ifndef FAULT
#define FAULT (void)0
#endif
#ifndef FAULT_AT
#define FAULT_AT 0u
#endif
#ifndef SELF_TEST
#define SELF_TEST 1u
#endif
#ifndef ABI
#define ABI 1u
#endif
#ifndef START
#define START CELL_FINE
#endif

struct tiny { volatile uint32_t up; uint32_t seed; };

#define DIVIDE do { volatile int zero = 0; zero = 7 / zero; } while (0)
#define WILD (*(volatile int *)8 = 1)
#define HANG do { } while (t->up)
#define TRAP cell_trap(CELL_ZERO_DIVISOR)
#define DEEP deep(1)
int deep(int n) { volatile char room[4096]; room[n % 4096] = 1; return deep(n + 1) + room[0]; }

void cell_run(struct cell *c, uint32_t seconds) {
  struct tiny *t = (void *)c;
  while (seconds--)
    if (++t->up == FAULT_AT) { FAULT; }
}
uint32_t cell_abi(void) { return ABI; }
const char *cell_version(void) { return VERSION; }
uint32_t cell_size(void) { return sizeof(struct tiny); }
int cell_init(void *state, uint32_t size, const struct cell_params *p) {
  struct tiny *t = state;
  if (size < sizeof *t) return CELL_REFUSED;
  t->up = 0;
  t->seed = p->seed;
  return START;
}
uint32_t cell_up(const void *state) { return ((const struct tiny *)state)->up; }
int cell_read(const void *state, struct cell_reading *out) {
  (void)state;
  *out = (struct cell_reading){.temperature = 4000, .self_test = SELF_TEST};
  return CELL_FINE;
}
