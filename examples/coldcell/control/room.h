/* A store room as its sensor sees it: stands in for the sensor's driver on an emulated board. */
#pragma once
#include <stdint.h>

struct room {
  int32_t temp;
  uint32_t noise;
};
void room_init(struct room *r, uint32_t seed, int32_t temp);
int32_t room_read(struct room *r, uint32_t cooling, uint32_t seconds); /* after so many more seconds */
