/* Host unit tests of the control code (cmocka); tests/host.sh builds them for each revision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdint.h>
#include <cmocka.h>
#include "seam.h"

#define HOUR (3600u / SAMPLE_PERIOD_S) /* samples */
static const struct cell_params PARAMS = {.seed = 1, .low = 3000, .high = 6000};

_Noreturn void cell_trap(enum cell_fault why) {
  fail_msg("the control code trapped: fault %d", (int)why);
  abort();
}
static struct cell fresh(void) {
  struct cell c;
  assert_int_equal(cell_init(&c, sizeof c, &PARAMS), CELL_FINE);
  return c;
}
static struct cell fed(int32_t raw, unsigned samples) {
  struct cell c = fresh();
  while (samples--) cell_sample(&c, raw);
  return c;
}
static struct cell_reading reading(const struct cell *c) {
  struct cell_reading r;
  assert_int_equal(cell_read(c, &r), CELL_FINE);
  return r;
}

static void refuses_a_small_buffer(void **s) {
  (void)s;
  struct cell c;
  assert_int_equal(cell_init(&c, sizeof c - 1, &PARAMS), CELL_REFUSED);
}
static void refuses_limits_the_wrong_way_round(void **s) {
  (void)s;
  struct cell c;
  assert_int_equal(cell_init(&c, sizeof c, &(struct cell_params){.low = 6000, .high = 3000}), CELL_REFUSED);
}
static void first_sample_is_the_temperature(void **s) {
  (void)s;
  struct cell c = fed(4321, 1);
  assert_int_equal(reading(&c).temperature, 4321);
  assert_int_equal(c.mean, 4321);
}
static void warm_room_is_cooled(void **s) {
  (void)s;
  struct cell c = fed(7000, 1);
  assert_int_equal(reading(&c).cooling, 1);
}
static void cold_room_is_left_alone(void **s) {
  (void)s;
  struct cell c = fed(2000, 1);
  assert_int_equal(reading(&c).cooling, 0);
}
static void keeps_state_between_the_limits(void **s) {
  (void)s;
  struct cell c = fed(7000, 1);
  for (int i = 0; i < 30; i++) cell_sample(&c, 4500);
  assert_int_equal(reading(&c).cooling, 1);
}
static void mean_follows_a_step(void **s) {
  (void)s;
  struct cell c = fed(4000, HOUR / 2);
  for (unsigned i = 0; i < HOUR / 2; i++) cell_sample(&c, 5000);
  assert_in_range(c.mean, 4400, 4600);
}
static void broken_sensor_fails_the_self_test(void **s) {
  (void)s;
  struct cell c = fed(-120000, 1);
  assert_int_equal(reading(&c).self_test, 0);
  cell_sample(&c, 4000);
  assert_int_equal(reading(&c).self_test, 1);
}
static void compressor_is_counted(void **s) {
  (void)s;
  struct cell c = fed(7000, 11);
  assert_int_equal(c.starts, 1);
  assert_int_equal(c.cooled_s, 10 * SAMPLE_PERIOD_S);
}
static void stuck_sensor_fails_the_self_test(void **s) {
  (void)s;
  struct cell c = fed(4000, 31);
  assert_int_equal(reading(&c).self_test, 1);
  cell_sample(&c, 4000);
  assert_int_equal(reading(&c).self_test, 0);
}
static void room_stays_between_the_limits(void **s) {
  (void)s;
  struct cell c = fresh();
  for (int minutes = 0; minutes < 120; minutes++) {
    cell_run(&c, 60);
    assert_in_range(reading(&c).temperature, 2000, 7000);
    assert_int_equal(reading(&c).self_test, 1);
  }
  assert_int_equal(cell_up(&c), 7200);
}

static void a_week_passes_without_a_trap(void **s) { /* what the incident of 1.1.0 taught: hours matter */
  (void)s;
  struct cell c = fresh();
  cell_run(&c, 7 * 24 * 3600);
  assert_int_equal(cell_up(&c), 7 * 24 * 3600);
  assert_int_equal(reading(&c).self_test, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(refuses_a_small_buffer),
    cmocka_unit_test(refuses_limits_the_wrong_way_round),
    cmocka_unit_test(first_sample_is_the_temperature),
    cmocka_unit_test(warm_room_is_cooled),
    cmocka_unit_test(cold_room_is_left_alone),
    cmocka_unit_test(keeps_state_between_the_limits),
    cmocka_unit_test(mean_follows_a_step),
    cmocka_unit_test(broken_sensor_fails_the_self_test),
    cmocka_unit_test(compressor_is_counted),
    cmocka_unit_test(stuck_sensor_fails_the_self_test),
    cmocka_unit_test(room_stays_between_the_limits),
    cmocka_unit_test(a_week_passes_without_a_trap),
  };
  return cmocka_run_group_tests_name(SUITE, tests, 0, 0);
}
