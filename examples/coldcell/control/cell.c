#include "seam.h"

#define SENSOR_MIN (-40000) /* what the sensor can tell; beyond it is broken or not connected */
#define SENSOR_MAX 85000
#define STUCK      32       /* equal samples in a row: a live sensor's noise never does that */

static int32_t divide(int32_t a, uint32_t n) {
  if (n == 0) cell_trap(CELL_ZERO_DIVISOR);
  return a / (int32_t)n;
}
static void self_test(struct cell *c, int32_t raw) {
  c->same = raw == c->last ? c->same + 1 : 1;
  c->last = raw;
  c->healthy = raw >= SENSOR_MIN && raw <= SENSOR_MAX && c->same < STUCK;
}
static void control(struct cell *c) {
  if (c->cooling) c->cooled_s += SAMPLE_PERIOD_S;
  if (c->level > c->high && !c->cooling) { c->cooling = 1; c->starts++; }
  if (c->level < c->low) c->cooling = 0;
}
static void record(struct cell *c, int32_t raw) {
  if (c->n < CELL_WINDOW) c->n++;
  else c->sum -= c->mean;
  c->sum += raw;
  c->mean = divide(c->sum, c->n);
}
void cell_sample(struct cell *c, int32_t raw) {
  c->level = c->n ? c->level + (raw - c->level) / 8 : raw;
  self_test(c, raw);
  record(c, raw);
  control(c);
}
void cell_run(struct cell *c, uint32_t seconds) {
  while (seconds--)
    if (++c->up % SAMPLE_PERIOD_S == 0) cell_sample(c, room_read(&c->room, c->cooling, SAMPLE_PERIOD_S));
}

uint32_t cell_abi(void) { return CELL_ABI; }
const char *cell_version(void) { return VERSION; }
uint32_t cell_size(void) { return sizeof(struct cell); }

int cell_init(void *state, uint32_t size, const struct cell_params *p) {
  struct cell *c = state;
  if (!c || (uintptr_t)c % _Alignof(struct cell) || size < sizeof *c || !p || p->low >= p->high) return CELL_REFUSED;
  *c = (struct cell){.low = p->low, .high = p->high, .healthy = 1};
  room_init(&c->room, p->seed, (p->low + p->high) / 2);
  c->level = c->mean = c->room.temp;
  return CELL_FINE;
}
uint32_t cell_up(const void *state) { return ((const struct cell *)state)->up; }

int cell_read(const void *state, struct cell_reading *out) {
  const struct cell *c = state;
  *out = (struct cell_reading){.temperature = c->level, .cooling = c->cooling, .self_test = c->healthy};
  return CELL_FINE;
}
