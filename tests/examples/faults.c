/* A control library that faults as its seed says, in the tenth second; for the guard of control/host.c. */
#include "seam.h"
static int deep(volatile char *p) { volatile char b[4096]; b[0] = *p; return b[0] + deep(b) + *p; }
static volatile int zero;
void cell_run(struct cell *c, uint32_t seconds) {
  for (; seconds; seconds--) {
    c->up++;
    if (c->up < 10) continue;
    if (c->cooling == 1) cell_trap(CELL_ZERO_DIVISOR);
    if (c->cooling == 2) c->level = 100 / zero;
    if (c->cooling == 3) *(volatile int *)(uintptr_t)(16 + zero) = 1;
    if (c->cooling == 33) { char b = 1; c->level = deep(&b); }
    if (c->cooling == 5) __builtin_trap();
    if (c->cooling == 6) for (;;) if (zero) break;
  }
}
uint32_t cell_size(void) { return sizeof(struct cell); }
int cell_init(void *state, uint32_t size, const struct cell_params *p) {
  (void)size; *(struct cell *)state = (struct cell){.cooling = p->seed}; return 0;
}
uint32_t cell_up(const void *state) { return ((const struct cell *)state)->up; }
