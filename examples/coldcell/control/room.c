#include "room.h"

#define WARMING 8   /* thousandths of a degree a second, door shut, compressor off */
#define COOLING 16
#define NOISE   128 /* amplitude of the sensor's noise */

void room_init(struct room *r, uint32_t seed, int32_t temp) {
  r->noise = seed;
  r->temp = temp;
}
int32_t room_read(struct room *r, uint32_t cooling, uint32_t seconds) {
  r->noise = r->noise * 1103515245u + 12345u;
  r->temp += (cooling ? -COOLING : WARMING) * (int32_t)seconds;
  return r->temp + (int32_t)(r->noise >> 24) - NOISE;
}
